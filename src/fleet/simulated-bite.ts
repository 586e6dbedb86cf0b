/** What a fault can do to somebody: a fault that bites nobody tries nothing. */
export const BITES = [
  "request lost",
  "answer lost",
  "message late",
  "request served twice",
  "store away",
  "reset by the store",
  "answer held by a pause",
  "died in a write",
  "slow disk of a machine",
  "full disk of a machine",
  "slow disk of the store",
  "full disk of the store",
  "store crashed in a write",
  "history lost",
  "lease lost",
  "lease of units over",
  "only copy moved",
] as const;
export type Bite = (typeof BITES)[number];

export type OnBite = (bite: Bite) => void;

/** For those who do not count. */
export const IGNORED: OnBite = () => {};
