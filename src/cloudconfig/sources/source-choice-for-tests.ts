import { Readable } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { openSources, type SourceChoice } from "./open-sources.ts";
import type { UserDataSource } from "./source.ts";

const NONE: SourceChoice = {
  file: "",
  url: "",
  configDrive: "",
  metadataService: false,
  ec2Metadata: "",
  gceMetadata: "",
  cloudSigmaMetadata: false,
  digitalOceanMetadata: "",
  openStackMetadata: "",
  waagent: "",
  packetMetadata: "",
  procCmdline: false,
  vmwareGuestinfo: false,
  vmwareOvfEnv: "",
};

export interface TestGround {
  readonly clock: Clock;
  readonly machineRoot?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly report?: (line: string) => void;
}

/** The one source of this choice. */
export async function openSource(
  choice: Partial<SourceChoice>,
  ground: TestGround,
): Promise<UserDataSource> {
  const [source, ...others] = await openSources(
    { ...NONE, ...choice },
    { stdin: Readable.from([]), env: {}, machineRoot: "/nowhere", report: () => {}, ...ground },
  );
  if (source === undefined || others.length > 0) throw new Error("expected one source");
  return source;
}
