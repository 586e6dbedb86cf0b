import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { CloudSigmaSource } from "./cloudsigma-source.ts";
import { ConfigDriveSource } from "./config-drive-source.ts";
import { DigitalOceanSource } from "./digitalocean-source.ts";
import { Ec2Source } from "./ec2-source.ts";
import { FileSource, StdinSource } from "./file-source.ts";
import { GCE_HEADERS, GceSource } from "./gce-source.ts";
import { HttpGetter } from "./http-getter.ts";
import { KernelCommandLineSource } from "./kernel-command-line-source.ts";
import { OpenStackSource } from "./openstack-source.ts";
import { PacketSource } from "./packet-source.ts";
import type { UserDataSource } from "./source.ts";
import { UrlSource } from "./url-source.ts";
import { GuestinfoSource, OvfEnvironmentSource } from "./vmware-source.ts";
import { WaagentSource } from "./waagent-source.ts";

/** Where a cloud's machines find EC2's metadata service when no other address is given. */
const EC2_ADDRESS = "http://169.254.169.254/";

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
export function openSources(choice: SourceChoice, ground: SourceGround): UserDataSource[] {
  const { clock, env, machineRoot, report } = ground;
  const http = new HttpGetter({ clock, env, report });
  const sources: UserDataSource[] = [];
  if (choice.file === "-") sources.push(new StdinSource(ground.stdin));
  else if (choice.file !== "") sources.push(new FileSource(choice.file));
  if (choice.url !== "") sources.push(new UrlSource(choice.url, http));
  if (choice.configDrive !== "") sources.push(new ConfigDriveSource(choice.configDrive, report));
  if (choice.metadataService) sources.push(new Ec2Source(EC2_ADDRESS, http, report));
  if (choice.ec2Metadata !== "") sources.push(new Ec2Source(choice.ec2Metadata, http, report));
  if (choice.gceMetadata !== "") {
    const google = new HttpGetter({ clock, env, report, headers: GCE_HEADERS });
    sources.push(new GceSource(choice.gceMetadata, google));
  }
  if (choice.cloudSigmaMetadata) sources.push(new CloudSigmaSource({ clock, machineRoot }));
  if (choice.digitalOceanMetadata !== "")
    sources.push(new DigitalOceanSource(choice.digitalOceanMetadata, http));
  if (choice.openStackMetadata !== "")
    sources.push(new OpenStackSource(choice.openStackMetadata, http));
  if (choice.waagent !== "") sources.push(new WaagentSource(choice.waagent, report));
  if (choice.packetMetadata !== "") sources.push(new PacketSource(choice.packetMetadata, http));
  if (choice.procCmdline)
    sources.push(new KernelCommandLineSource(join(machineRoot, "proc/cmdline"), http));
  if (choice.vmwareGuestinfo) sources.push(new GuestinfoSource({ http, machineRoot, env, report }));
  if (choice.vmwareOvfEnv !== "") sources.push(new OvfEnvironmentSource(choice.vmwareOvfEnv, http));
  return sources;
}
