import { join } from "node:path";
import { CloudSigmaSource } from "./cloudsigma-source.ts";
import { ConfigDriveSource } from "./config-drive-source.ts";
import { DigitalOceanSource } from "./digitalocean-source.ts";
import { Ec2Source, ec2Session } from "./ec2-source.ts";
import { GCE_HEADERS, GceSource } from "./gce-source.ts";
import { HttpGetter } from "./http-getter.ts";
import { KernelCommandLineSource } from "./kernel-command-line-source.ts";
import type { SourceChoice, SourceGround } from "./open-sources.ts";
import { OpenStackSource } from "./openstack-source.ts";
import { PacketSource } from "./packet-source.ts";
import type { UserDataSource } from "./source.ts";
import { UrlSource } from "./url-source.ts";
import { GuestinfoSource, OvfEnvironmentSource } from "./vmware-source.ts";
import { WaagentSource } from "./waagent-source.ts";

/** Where a cloud's machines find EC2's metadata service when no other address is given. */
const EC2_ADDRESS = "http://169.254.169.254/";

/** The chosen sources that are no file, in the original's order. */
export function openCloudSources(choice: SourceChoice, ground: SourceGround): UserDataSource[] {
  const { clock, env, machineRoot, report } = ground;
  const http = new HttpGetter({ clock, env, report });
  const sources: UserDataSource[] = [];
  if (choice.url !== "") sources.push(new UrlSource(choice.url, http));
  if (choice.configDrive !== "") sources.push(new ConfigDriveSource(choice.configDrive, report));
  for (const root of [choice.metadataService ? EC2_ADDRESS : "", choice.ec2Metadata].filter(
    Boolean,
  )) {
    const amazon = new HttpGetter({ clock, env, report, session: ec2Session(root) });
    sources.push(new Ec2Source(root, amazon, report));
  }
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
