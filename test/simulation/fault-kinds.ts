/** What can go wrong: on the way to the store, with a machine's daemon, with the store; and what seldom does. */
export const NETWORK = [
  "slow",
  "lossy",
  "twice",
  "cut out",
  "cut back",
  "cut both",
  "cut many",
  "cut leader",
] as const;
export const DAEMONS = [
  "pause",
  "kill",
  "kill in a write",
  "slow disk",
  "no space",
  "restart",
  "power cut",
  "leave",
  "drop systemd",
  "wall clock",
] as const;
export const STORE = [
  "slow store",
  "crash",
  "crash in a write",
  "stop store",
  "full disk",
  "skew",
] as const;
export const RARE = ["leap", "wipe", "flood", "blackout"] as const;
export const FAULTS = [...NETWORK, ...DAEMONS, ...STORE, ...RARE] as const;
export type FaultKind = (typeof FAULTS)[number];

export function isOf<K extends FaultKind>(kinds: readonly K[], kind: FaultKind): kind is K {
  return (kinds as readonly FaultKind[]).includes(kind);
}
