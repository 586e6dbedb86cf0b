import type { Readable } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { FileSource, StdinSource } from "./file-source.ts";
import type { UserDataSource } from "./source.ts";

/** Which sources to ask; an empty text is none. Named as the program's flags, without `from-`. */
export interface SourceChoice {
  readonly file: string;
  readonly url: string;
  readonly configDrive: string;
  readonly metadataService: boolean;
  readonly ec2Metadata: string;
  readonly gceMetadata: string;
  readonly cloudSigmaMetadata: boolean;
  readonly digitalOceanMetadata: string;
  readonly openStackMetadata: string;
  readonly waagent: string;
  readonly packetMetadata: string;
  readonly procCmdline: boolean;
  readonly vmwareGuestinfo: boolean;
  readonly vmwareOvfEnv: string;
}

/** What sources stand on. */
export interface SourceGround {
  readonly clock: Clock;
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The machine's own root, for `proc`, `sys`, `run` and `dev`: `/`. */
  readonly machineRoot: string;
  /** Told what is tried, a line each. */
  readonly report: (line: string) => void;
}

/** The chosen sources, in the original's order. */
export async function openSources(
  choice: SourceChoice,
  ground: SourceGround,
): Promise<readonly UserDataSource[]> {
  const { file, ...others } = choice;
  const local =
    file === "" ? [] : [file === "-" ? new StdinSource(ground.stdin) : new FileSource(file)];
  if (!Object.values(others).some(Boolean)) return local;
  // Only a machine in a cloud needs them, and they take a while to load.
  const { openCloudSources } = await import("./open-cloud-sources.ts");
  return [...local, ...openCloudSources(choice, ground)];
}
