import type { WriteAction } from "./action.ts";
import { environmentOf } from "./daemon-environment.ts";
import { mergeEnvironmentFile, parseEnvironmentFile } from "./environment-file.ts";
import { ADDRESS_VARIABLES, type MachineFacts } from "./machine-facts.ts";
import { type CloudConfig, type ConfigFile, FLANNEL, UPDATE } from "./schema.ts";

/** The files of `write_files`, then those that other keys make. */
export function planFiles(config: CloudConfig, facts: MachineFacts): WriteAction[] {
  const files = (config.write_files ?? []).map(planFile);
  const { oem, update, flannel } = config.coreos ?? {};
  if (oem?.id !== undefined) files.push(write("/etc/oem-release", oemRelease(oem)));
  const updateVariables = environmentOf(UPDATE, update ?? {});
  if (updateVariables.length > 0)
    files.push(
      write(
        "/etc/coreos/update.conf",
        mergeEnvironmentFile(facts.updateConf ?? "", Object.fromEntries(updateVariables)),
      ),
    );
  const hostname = config.hostname ?? facts.hostname ?? facts.currentHostname;
  if (config.manage_etc_hosts !== undefined)
    files.push(write("/etc/hosts", `127.0.0.1 localhost${hostname ? ` ${hostname}` : ""}\n`));
  const flannelVariables = environmentOf(FLANNEL, flannel ?? {});
  if (flannelVariables.length > 0)
    files.push(
      write(
        "/run/flannel/options.env",
        flannelVariables.map(([name, value]) => `${name}=${value}\n`).join(""),
      ),
    );
  if (!files.some((file) => file.path === "/etc/environment")) files.push(...planAddresses(facts));
  return files;
}

function planFile(file: ConfigFile): WriteAction {
  const content = file.content ?? "";
  return {
    kind: "write",
    path: absolute(file.path),
    ...(typeof content === "string" ? { content } : encodeOctets(content)),
    permissions: file.permissions?.padStart(4, "0") ?? "0644",
    ...(file.owner === undefined ? {} : { owner: file.owner }),
  };
}

export function write(path: string, content: string): WriteAction {
  return { kind: "write", path, content, permissions: "0644" };
}

/** `etc//./motd` is `/etc/motd`: a path without a slash at its front is taken from the root, as in the original. */
function absolute(path: string): string {
  return `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;
}

/** Octets that are text stay readable in the plan. */
function encodeOctets(octets: Uint8Array): Pick<WriteAction, "content" | "encoding"> {
  try {
    const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
    return { content };
  } catch {
    const characters = Array.from(octets, (octet) => String.fromCharCode(octet));
    return { content: btoa(characters.join("")), encoding: "base64" };
  }
}

function oemRelease(oem: NonNullable<NonNullable<CloudConfig["coreos"]>["oem"]>): string {
  const quoted = (text = "") => JSON.stringify(text);
  return `ID=${oem.id}
VERSION_ID=${oem.version_id ?? ""}
NAME=${quoted(oem.name)}
HOME_URL=${quoted(oem.home_url)}
BUG_REPORT_URL=${quoted(oem.bug_report_url)}
`;
}

/** The addresses that are known go to /etc/environment, for units that ask for them there. */
function planAddresses(facts: MachineFacts): readonly WriteAction[] {
  const before = facts.environmentFile ?? "";
  const present = parseEnvironmentFile(before);
  const values: Record<string, string> = {};
  for (const [variable, fact] of Object.entries(ADDRESS_VARIABLES)) {
    const address = facts[fact];
    if (address !== undefined && present.get(variable) !== address) values[variable] = address;
  }
  if (Object.keys(values).length === 0) return [];
  return [write("/etc/environment", mergeEnvironmentFile(before, values))];
}
