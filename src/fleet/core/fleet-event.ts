/** Something that was changed in the cluster on purpose: by somebody, or by a daemon for a reason. */
export interface FleetEvent {
  /** When, in UTC as ISO 8601 gives it. */
  readonly at: string;
  /** What happened, as a word or two in the past tense: `submitted`, `moved`, `cordoned`. */
  readonly what: string;
  readonly unit?: string;
  readonly machine?: string;
  /** Who did it: `engine on ID`, `agent on ID`, or whoever asked the API. */
  readonly who: string;
  readonly why: string;
  /** What it was and what it became, where that says more than `what`. */
  readonly before?: string;
  readonly after?: string;
}

/** What a teller knows; the log adds when. */
export type EventToTell = Omit<FleetEvent, "at">;
