import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import { type UnitVersion, withVersion, writeHistory } from "./core/unit-history.ts";
import { asSeen, isKeysError, type Registry } from "./registry.ts";

export interface VersionNotes {
  readonly feed: ClusterFeed;
  readonly registry: Registry;
}

/**
 * Adds a text to the history of its unit, before it comes into force, so that it is kept from then on. Where another
 * daemon was faster, this version is left out: a history is a record, not a condition.
 */
export async function noteVersion(
  { feed, registry }: VersionNotes,
  unit: UnitName,
  version: Omit<UnitVersion, "number">,
  signal: AbortSignal,
): Promise<void> {
  const known = feed.model.notes.history.get(unit);
  const history = withVersion(known?.value, version);
  if (history === known?.value || history.versions.length === 0) return;
  try {
    const at = { room: "history", unit } as const;
    await registry.writeNote(at, writeHistory(history), asSeen(known?.index), signal);
  } catch (error) {
    if (!isKeysError(error, 100, 101, 105)) throw error;
  }
}
