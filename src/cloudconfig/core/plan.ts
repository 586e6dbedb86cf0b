import type { Action, WriteAction } from "./action.ts";
import { isNetworkFile } from "./checks.ts";
import { environmentDropIn, environmentOf, type Section } from "./daemon-environment.ts";
import { mergeEnvironmentFile, parseEnvironmentFile } from "./environment-file.ts";
import { ETCD, ETCD2 } from "./etcd-keys.ts";
import { ADDRESS_VARIABLES, type MachineFacts } from "./machine-facts.ts";
import {
  type CloudConfig,
  type ConfigFile,
  type ConfigUnit,
  FLANNEL,
  FLEET,
  LOCKSMITH,
  UPDATE,
} from "./schema.ts";

export interface Plan {
  /** In this order. */
  readonly actions: readonly Action[];
  /** Keys of the cloud-config that this version does not act on. */
  readonly notApplied: readonly string[];
}

/**
 * What applying the cloud-config to this machine means. The same input gives the same plan. The order is the
 * original's: hostname, files, unit files, systemd's reload, then the units' commands as listed.
 */
export function planCloudConfig(config: CloudConfig, facts: MachineFacts): Plan {
  const hostname = config.hostname ?? facts.hostname;
  const units = planUnits(config, facts);
  const actions: Action[] = [
    ...(hostname === undefined ? [] : [{ kind: "set-hostname", hostname } as const]),
    ...lastOfEachPath([...planFiles(config, facts), ...units.files]),
    ...units.links,
  ];
  const enables = units.enables;
  const isForSystemd = (action: Action) =>
    "path" in action && /^\/(etc|run)\/systemd\//.test(action.path);
  if (actions.some(isForSystemd) || enables.length > 0) enables.push({ kind: "reload-units" });
  const notApplied = (["users", "ssh_authorized_keys"] as const).filter(
    (key) => (config[key]?.length ?? 0) > 0,
  );
  return { actions: [...actions, ...enables, ...units.commands], notApplied };
}

function planFiles(config: CloudConfig, facts: MachineFacts): WriteAction[] {
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

function write(path: string, content: string): WriteAction {
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

interface UnitSteps {
  readonly files: WriteAction[];
  readonly links: Action[];
  readonly enables: Action[];
  readonly commands: Action[];
}

function planUnits(config: CloudConfig, facts: MachineFacts): UnitSteps {
  const steps: UnitSteps = { files: [], links: [], enables: [], commands: [] };
  const units = config.coreos?.units ?? [];
  for (const unit of units) planUnit(unit, steps);
  steps.files.push(...planDaemons(config.coreos ?? {}, facts));
  planUpdateUnits(config.coreos?.update ?? {}, steps);
  if (units.some((unit) => isNetworkFile(unit.name)))
    steps.commands.unshift({
      kind: "command",
      unit: "systemd-networkd.service",
      command: "restart",
    });
  return steps;
}

function planUnit(unit: ConfigUnit, steps: UnitSteps): void {
  const isNetwork = isNetworkFile(unit.name);
  const path = `/${unit.runtime ? "run" : "etc"}/systemd/${isNetwork ? "network" : "system"}/${unit.name}`;
  if (unit.mask) steps.links.push({ kind: "mask", path });
  else if (unit.content !== undefined) steps.files.push(write(path, unit.content));
  else if (unit.runtime) steps.links.push({ kind: "unmask", path });
  for (const dropIn of unit.drop_ins ?? [])
    steps.files.push(write(`${path}.d/${dropIn.name}`, dropIn.content));
  // systemd-networkd reads its files when it starts: nothing to enable or to start one by one.
  if (isNetwork) return;
  if (unit.enable)
    steps.enables.push({ kind: "enable", unit: unit.name, runtime: unit.runtime ?? false });
  if (unit.command !== undefined)
    steps.commands.push({ kind: "command", unit: unit.name, command: unit.command });
}

/** The drop-ins that carry the daemons' settings to them. */
function planDaemons(coreos: NonNullable<CloudConfig["coreos"]>, facts: MachineFacts) {
  const fleet = withMetadata(coreos.fleet ?? {}, facts.metadata);
  const daemons = [
    ["etcd.service", environmentOf(ETCD, coreos.etcd ?? {})],
    ["etcd2.service", environmentOf(ETCD2, coreos.etcd2 ?? {})],
    ["fleet.service", environmentOf(FLEET, fleet)],
    ["locksmithd.service", environmentOf(LOCKSMITH, coreos.locksmith ?? {})],
  ] as const;
  return daemons
    .filter(([, variables]) => variables.length > 0)
    .map(([unit, variables]) =>
      write(`/run/systemd/system/${unit}.d/20-cloudinit.conf`, environmentDropIn(variables)),
    );
}

/** fleet's settings with the provider's metadata behind the cloud-config's own. */
function withMetadata(fleet: Section, provided: MachineFacts["metadata"]): Section {
  const { metadata } = fleet;
  const own = (typeof metadata === "string" ? metadata : "")
    .split(",")
    .map((pair) => pair.trim())
    .filter(Boolean);
  const given = new Set(own.map((pair) => pair.split("=", 1)[0]));
  const added = Object.keys(provided)
    .filter((key) => !given.has(key))
    .toSorted()
    .map((key) => `${key}=${provided[key]}`);
  if (added.length === 0) return fleet;
  return { ...fleet, metadata: [...own, ...added].join(",") };
}

/** The update settings reach their daemons by a restart; the strategy `off` keeps locksmithd from running. */
function planUpdateUnits(
  update: NonNullable<NonNullable<CloudConfig["coreos"]>["update"]>,
  steps: UnitSteps,
): void {
  const path = "/run/systemd/system/locksmithd.service";
  const command = (unit: string, what: "stop" | "restart") =>
    steps.commands.push({ kind: "command", unit, command: what, ifPresent: true });
  if (update.reboot_strategy === "off") {
    steps.links.push({ kind: "mask", path });
    command("locksmithd.service", "stop");
  } else if (update.reboot_strategy !== undefined) {
    steps.links.push({ kind: "unmask", path });
    command("locksmithd.service", "restart");
  }
  if (update.group !== undefined || update.server !== undefined)
    command("update-engine.service", "restart");
}

/** Of several writes to one path only the last one counts: applying twice must find nothing to do. */
function lastOfEachPath(files: readonly WriteAction[]): readonly WriteAction[] {
  const last = new Map(files.map((file) => [file.path, file]));
  return files.filter((file) => last.get(file.path) === file);
}
