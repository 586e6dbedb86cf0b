import type { Action } from "./core/action.ts";

/** What came of one action. */
export interface Outcome {
  /** `unchanged`: it was so already. `skipped`: it was not done, see the note. */
  readonly result: "done" | "unchanged" | "skipped" | "failed";
  readonly note?: string | undefined;
}

export interface Step extends Outcome {
  readonly action: Action;
}
