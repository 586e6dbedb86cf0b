/** The commands that `fleetctl plan --as` plans for. */
export const PLANNED = ["submit", "load", "start"] as const;
export type PlannedCommand = (typeof PLANNED)[number];
