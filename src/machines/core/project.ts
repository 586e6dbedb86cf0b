import type { Equipment } from "./machine.ts";
import { machineName } from "./machine.ts";
import type { WantedMachine } from "./plan-cluster.ts";

/** What a `keelson.yaml` says. */
export interface Project {
  /** Lower-case letters, digits and hyphens; its machines' state is kept under it. */
  readonly name: string;
  readonly provider: string | undefined;
  /** First three bytes of the machines' addresses. */
  readonly network: string | undefined;
  /** Where a discovery URL for a new cluster is asked for, such as `http://10.0.0.1:8087/new`. */
  readonly discovery: string | undefined;
  readonly groups: readonly Group[];
}

/** Machines that are alike: `NAME-01`, `NAME-02` … */
export interface Group {
  readonly name: string;
  readonly count: number;
  /** Last byte of the first one's address. */
  readonly first: number;
  /** How many of them, from the first, hold the store, when they have Keelson's own user-data. */
  readonly servers: number;
  /** What they apply at boot; absent: Keelson's own. */
  readonly userData: UserDataSource | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly equipment: Equipment;
}

export type UserDataSource =
  /** Absolute path. */
  | { readonly kind: "file"; readonly path: string }
  /** Written out in the project file, from that line on. */
  | { readonly kind: "text"; readonly text: string; readonly line: number };

/** Its machines, group by group in the order of the file. */
export function wantedMachines(project: Project): readonly WantedMachine[] {
  return project.groups.flatMap((group) =>
    Array.from({ length: group.count }, (_, at): WantedMachine => {
      return {
        name: machineName(group.name, at + 1),
        number: group.first + at,
        metadata: group.metadata,
        equipment: group.equipment,
        isServer: at < group.servers,
      };
    }),
  );
}
