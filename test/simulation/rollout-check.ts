import type { KeyEvent } from "#keys/core/event.ts";
import type { RegistryHistory } from "./registry-history.ts";
import type { Violations } from "./trace.ts";

/** What of a rollout's note is judged. */
interface Note {
  readonly state: string;
  readonly policy: { readonly parallel: { readonly count?: number; readonly percent?: number } };
  readonly members: readonly { readonly unit: string; readonly phase: string }[];
}

const PARALLEL = "a rollout takes no more down at once than it says";

/** Judges how rollouts go on, by each note of them that is written. */
export class RolloutCheck {
  readonly #history: RegistryHistory;
  readonly #violations: Violations;
  readonly #notes = new Map<string, Note>();

  constructor(history: RegistryHistory, violations: Violations) {
    this.#history = history;
    this.#violations = violations;
  }

  /** What an event means at the moment it is durable. */
  told({ node: { key, value } }: KeyEvent): void {
    const unit = this.#history.rolledOut(key);
    if (unit === undefined) return;
    const before = this.#notes.get(unit);
    if (value === undefined) return void this.#notes.delete(unit);
    const note = JSON.parse(value) as Note;
    this.#notes.set(unit, note);
    if (note.state !== "running") return;
    const down = underWay(note);
    const known = before === undefined ? [] : underWay(before);
    const begun = down.filter((name) => !known.includes(name));
    const { count, percent = 0 } = note.policy.parallel;
    const most = count ?? Math.max(1, Math.floor((note.members.length * percent) / 100));
    if (begun.length > 0 && down.length > most)
      this.#violations.add(PARALLEL, unit, `${down.join(", ")}; ${most} may be`);
  }
}

function underWay({ members }: Note): string[] {
  return members
    .filter(({ phase }) => phase === "updating" || phase === "returning")
    .map(({ unit }) => unit);
}
