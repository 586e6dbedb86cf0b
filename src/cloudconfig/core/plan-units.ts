import type { Action } from "./action.ts";
import { isNetworkFile } from "./checks.ts";
import { environmentDropIn, environmentOf, type Section } from "./daemon-environment.ts";
import { ETCD, ETCD2 } from "./etcd-keys.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { write } from "./plan-files.ts";
import { type CloudConfig, type ConfigUnit, FLEET, LOCKSMITH } from "./schema.ts";

/** What the units ask for, each list in the order of the cloud-config. */
interface UnitSteps {
  /** Unit files, drop-ins and masks. */
  readonly files: Extract<Action, { readonly path: string }>[];
  readonly enables: Action[];
  readonly commands: Action[];
  /** Whether some are systemd-networkd's, which reads its files only when it starts. */
  readonly hasNetworkFiles: boolean;
}

export function planUnits(config: CloudConfig, facts: MachineFacts): UnitSteps {
  const units = (config.coreos?.units ?? []).filter((unit) => unit.name !== "");
  const hasNetworkFiles = units.some((unit) => isNetworkFile(unit.name));
  const steps: UnitSteps = { files: [], enables: [], commands: [], hasNetworkFiles };
  for (const unit of units) planUnit(unit, steps);
  steps.files.push(...planDaemons(config.coreos ?? {}, facts));
  planUpdateUnits(config.coreos?.update ?? {}, steps);
  return steps;
}

function planUnit(unit: ConfigUnit, steps: UnitSteps): void {
  const isNetwork = isNetworkFile(unit.name);
  const path = `/${unit.runtime ? "run" : "etc"}/systemd/${isNetwork ? "network" : "system"}/${unit.name}`;
  if (unit.mask) steps.files.push({ kind: "mask", path });
  else if (unit.content) steps.files.push(write(path, unit.content));
  else if (unit.runtime) steps.files.push({ kind: "unmask", path });
  for (const dropIn of unit.drop_ins ?? [])
    if (dropIn.name && dropIn.content)
      steps.files.push(write(`${path}.d/${dropIn.name}`, dropIn.content));
  // Nothing of networkd's is enabled or started one by one.
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
    .map((key) => `${key}=${provided[key]}`.replaceAll("%", "%%")); // no specifiers of systemd's
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
    steps.files.push({ kind: "mask", path });
    command("locksmithd.service", "stop");
  } else if (update.reboot_strategy !== undefined) {
    steps.files.push({ kind: "unmask", path });
    command("locksmithd.service", "restart");
  }
  if (update.group !== undefined || update.server !== undefined)
    command("update-engine.service", "restart");
}
