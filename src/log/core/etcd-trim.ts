import type { EtcdNames } from "#log/core/etcd-names.ts";

export interface ListedKey {
  readonly key: string;
  readonly modRevision: number;
}

/** Keys from `key` up to and without `end`. */
export interface KeyRange {
  readonly key: string;
  readonly end: string;
}

/**
 * The ranges of keys that a snapshot made needless: batches put ahead of `revision`, with their parts, and parts put
 * ahead of it that never got a batch. `listed` is the whole range of the log, in the order of the keys.
 */
export function trimmedRanges(
  names: EtcdNames,
  listed: readonly ListedKey[],
  revision: number,
  stepKeys: number,
): KeyRange[] {
  const batches = new Map<string, number>();
  for (const { key, modRevision } of listed)
    if (names.read(key).kind === "batch") batches.set(key, modRevision);
  const isNeedless = ({ key, modRevision }: ListedKey): boolean => {
    const name = names.read(key);
    return name.kind !== "snapshot" && (batches.get(name.batch) ?? modRevision) < revision;
  };
  return rangesOf(listed, isNeedless, (key) => names.writerOf(key), stepKeys);
}

/**
 * Chosen neighbours of one group together, in ranges of at most `stepKeys` keys. Groups stay apart, since a key may
 * yet be put behind the last one of its group; none is put between two of them.
 */
export function rangesOf(
  listed: readonly ListedKey[],
  isChosen: (key: ListedKey) => boolean,
  groupOf: (key: string) => string,
  stepKeys: number,
): KeyRange[] {
  const ranges: KeyRange[] = [];
  let open: { readonly group: string; count: number } | undefined;
  for (const item of listed) {
    const group = groupOf(item.key);
    const end = `${item.key}\0`; // the first key that can come behind it
    const last = ranges.at(-1);
    if (!isChosen(item)) open = undefined;
    else if (last && open?.group === group && open.count < stepKeys) {
      ranges[ranges.length - 1] = { key: last.key, end };
      open.count += 1;
    } else {
      ranges.push({ key: item.key, end });
      open = { group, count: 1 };
    }
  }
  return ranges;
}
