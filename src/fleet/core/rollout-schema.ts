/** A rollout as the API gives it. */
export interface SchemaRollout {
  /** The template, or the unit, under whose name it is kept. */
  readonly unit: string;
  readonly state: "running" | "returning" | "done" | "returned";
  /** SHA-1 of the text before and of the newer one, in hexadecimal. */
  readonly from: string;
  readonly to: string;
  /** At once: a number, or a part of all such as `25%`. */
  readonly parallel: string;
  readonly order: "stop-first" | "start-first";
  readonly monitorSeconds: number;
  readonly by: string;
  /** ISO 8601, in UTC; null until it is over. */
  readonly began: string;
  readonly ended: string | null;
  /** Why it goes or went back; empty otherwise. */
  readonly why: string;
  readonly members: readonly SchemaRolloutMember[];
}

export interface SchemaRolloutMember {
  readonly unit: string;
  /** Of a global unit, the machine that this is about; null for others. */
  readonly machineID: string | null;
  readonly phase: "waiting" | "updating" | "healthy" | "returning" | "returned" | "left";
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** A rollout that is only planned. */
export type SchemaPlannedRollout = Pick<
  SchemaRollout,
  "unit" | "parallel" | "order" | "monitorSeconds" | "members"
>;

/** The texts that a unit had, oldest first. */
export interface SchemaHistory {
  readonly unit: string;
  readonly versions: readonly SchemaVersion[];
}

export interface SchemaVersion {
  readonly number: number;
  readonly hash: string;
  /** ISO 8601, in UTC. */
  readonly at: string;
  readonly by: string;
  readonly why: string;
  /** Whether the unit has this text now. */
  readonly current: boolean;
  /** Of the text, where it was asked for and is kept. */
  readonly options?: readonly {
    readonly section: string;
    readonly name: string;
    readonly value: string;
  }[];
}
