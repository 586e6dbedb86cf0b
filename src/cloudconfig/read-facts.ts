import { hostname } from "node:os";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { parseEnvironmentFile } from "./core/environment-file.ts";
import { ADDRESS_VARIABLES, type MachineFacts } from "./core/machine-facts.ts";
import { NO_METADATA, type SourceMetadata } from "./core/source-metadata.ts";
import { readSystemFacts } from "./read-system.ts";
import { readInRoot } from "./root-path.ts";

/**
 * What is known of the machine below `root`: its addresses (the source's, then the environment's, then etc/environment's), its
 * name, etc/keelson/metadata, where whoever made the machine wrote what fleet is to know of it (`key=value` lines), and
 * what its system says.
 * @throws {Fault} CONFIG_INVALID for metadata that fleet could not take, FILE_UNREADABLE
 */
export async function readMachineFacts(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
  source: SourceMetadata = NO_METADATA,
): Promise<MachineFacts> {
  const read = (path: string) => readInRoot(root, path);
  const environmentFile = await read("etc/environment");
  const environment = parseEnvironmentFile(environmentFile ?? "");
  const addresses: Partial<Record<(typeof ADDRESS_VARIABLES)[AddressVariable], string>> = {};
  for (const variable of Object.keys(ADDRESS_VARIABLES) as AddressVariable[]) {
    const fact = ADDRESS_VARIABLES[variable];
    const address = source[fact] || env[variable] || environment.get(variable);
    if (address) addresses[fact] = address;
  }
  const named = firstName(await read("etc/hostname")) || (root === "/" ? hostname() : undefined);
  const updateConf =
    (await read("etc/coreos/update.conf")) ?? (await read("usr/share/coreos/update.conf"));
  return {
    ...addresses,
    ...(source.hostname ? { hostname: source.hostname } : {}),
    ...(named === undefined ? {} : { currentHostname: named }),
    ...(environmentFile === undefined ? {} : { environmentFile }),
    ...(updateConf === undefined ? {} : { updateConf }),
    metadata: parseMetadata((await read("etc/keelson/metadata")) ?? "", root),
    system: await readSystemFacts(root),
  };
}

/** Of hostname(5): the first line that is no comment. */
function firstName(text = ""): string | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && !line.startsWith("#"));
}

type AddressVariable = keyof typeof ADDRESS_VARIABLES;

function parseMetadata(text: string, root: string): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [i, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match = /^\s*([^=,\s]+)=([^,]*?)\s*$/.exec(line);
    if (match?.[1] === undefined)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot use line ${i + 1} of ${join(root, "etc/keelson/metadata")}: "${line}" is not KEY=VALUE without commas`,
      );
    metadata[match[1]] = match[2] ?? "";
  }
  return metadata;
}
