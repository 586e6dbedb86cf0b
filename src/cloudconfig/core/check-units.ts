import { Fault } from "#base/fault.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import type { UnitFile } from "#unitfile/core/unit-file.ts";
import { isNetworkFile } from "./checks.ts";
import { type Problem, warning } from "./problem.ts";
import { toBoolean } from "./scalar-kind.ts";
import { at, child, itemsOf, type Tree, textOf } from "./tree.ts";

/** One of `coreos.units`, as far as it can be read. */
interface ConfigUnit {
  readonly tree: Tree;
  readonly key: string;
  readonly name: string;
  readonly content: Tree | undefined;
  readonly command: string | undefined;
  readonly isMasked: boolean;
  readonly isEnabled: boolean;
  readonly dropIns: readonly Tree[];
}

/** What is amiss with units, by themselves and beside each other. */
export function checkUnits(tree: Tree): readonly Problem[] {
  const units = readUnits(tree);
  const defined = new Map<string, ConfigUnit>();
  for (const unit of units)
    if (unit.content !== undefined && !defined.has(unit.name)) defined.set(unit.name, unit);
  const names = [...new Set([...defined.keys(), ...KNOWN])];
  return units.flatMap((unit) => [
    ...checkTwice(unit, defined.get(unit.name)),
    ...checkRequests(unit),
    ...(unit.content === undefined && !unit.isMasked ? checkThere(unit, names) : []),
    ...(unit.content === undefined ? [] : checkContent(unit, unit.content)),
    ...unit.dropIns.flatMap((dropIn, j) => checkDropIn(unit, dropIn, j)),
  ]);
}

function readUnits(tree: Tree): readonly ConfigUnit[] {
  return itemsOf(at(tree, "coreos", "units")).flatMap((item, i) => {
    const name = textOf(child(item, "name"));
    if (!name) return [];
    const isTrue = (key: string) => toBoolean(textOf(child(item, key)) ?? "") === true;
    const content = child(item, "content");
    return [
      {
        tree: item,
        key: `coreos.units[${i}]`,
        name,
        content: textOf(content) ? content : undefined,
        command: textOf(child(item, "command")) || undefined,
        isMasked: isTrue("mask"),
        isEnabled: isTrue("enable"),
        dropIns: itemsOf(child(item, "drop_ins")),
      },
    ];
  });
}

/** Several entries for one unit are done one after the other, as when it is stopped and started again; not contents. */
function checkTwice(unit: ConfigUnit, first: ConfigUnit | undefined): readonly Problem[] {
  if (first === undefined || first === unit || unit.content === undefined) return [];
  const what = `replaces the content that ${unit.name} has on line ${lineOf(first, "content")}`;
  return [
    warning(lineOf(unit, "content"), `${unit.key}.content`, `${what}; leave out one of them`),
  ];
}

/** What is asked of a unit, against what it is. */
function checkRequests(unit: ConfigUnit): readonly Problem[] {
  const { key, name, content, command, isMasked } = unit;
  const problems: Problem[] = [];
  const starts = command !== undefined && command !== "stop";
  if (isMasked && starts)
    problems.push(
      warning(
        lineOf(unit, "command"),
        `${key}.command`,
        `cannot ${command} ${name}, which is masked; leave out one of them`,
      ),
    );
  if (isMasked && content !== undefined)
    problems.push(
      warning(
        lineOf(unit, "mask"),
        `${key}.mask`,
        `replaces the content of ${name} by nothing; leave out one of them`,
      ),
    );
  if (starts && /@\.\w+$/.test(name))
    problems.push(
      warning(
        lineOf(unit, "command"),
        `${key}.command`,
        `cannot ${command} ${name}, a template; name an instance, such as ${name.replace("@.", "@1.")}`,
      ),
    );
  if (content !== undefined || isMasked) return problems;
  const asksNothing = unit.tree.kind === "map" && unit.tree.entries.every((e) => e.key === "name");
  if (asksNothing)
    problems.push(
      warning(
        unit.tree.line,
        key,
        `asks nothing of ${name}; give it content, drop_ins or a command`,
      ),
    );
  return problems;
}

/** Units that CoreOS has, or a machine of Keelson's. */
const KNOWN = [
  "containerd.service",
  "docker.service",
  "docker.socket",
  "etcd-member.service",
  "etcd.service",
  "etcd2.service",
  "flanneld.service",
  "fleet.service",
  "fleet.socket",
  "locksmithd.service",
  "ntpd.service",
  "rpc-statd.service",
  "rpcbind.service",
  "sshd.service",
  "sshd.socket",
  "ssh.service",
  "systemd-journald.service",
  "systemd-networkd.service",
  "systemd-networkd-wait-online.service",
  "systemd-resolved.service",
  "systemd-sysctl.service",
  "systemd-timesyncd.service",
  "update-engine-stub.timer",
  "update-engine.service",
] as const;

/** What people write for a unit whose name is too far from it. */
const MISNAMED: Readonly<Record<string, string>> = {
  "fleetd.service": "fleet.service",
  "locksmith.service": "locksmithd.service",
  "flannel.service": "flanneld.service",
  "update_engine.service": "update-engine.service",
};

/**
 * A unit without content has to be on the machine.
 * @param names those that this file gives content, and well-known ones
 */
function checkThere(unit: ConfigUnit, names: readonly string[]): readonly Problem[] {
  const { key, name } = unit;
  const template = name.replace(/@[^.]+\./, "@.");
  if (names.includes(name) || names.includes(template)) return [];
  const meant = MISNAMED[name] ?? nearestUnit(name, names);
  if (meant === undefined && unit.dropIns.length === 0) return [];
  const advice = meant === undefined ? "the machine must have it" : `did you mean ${meant}?`;
  return [warning(lineOf(unit, "name"), `${key}.name`, `${name} has no content here; ${advice}`)];
}

/** Of one type with `name`, and with the same first letter: others are hardly slips. */
function nearestUnit(name: string, names: readonly string[]): string | undefined {
  const type = name.slice(name.lastIndexOf("."));
  const stems = names
    .filter((known) => known[0] === name[0] && known.endsWith(type))
    .map((known) => known.slice(0, -type.length));
  const near = nearestWord(name.slice(0, -type.length), stems);
  return near === undefined ? undefined : `${near}${type}`;
}

function checkContent(unit: ConfigUnit, content: Tree): readonly Problem[] {
  const { name, key } = unit;
  const read = readUnitFile(content, `${key}.content`, name);
  const { file } = read;
  if (file === undefined || isNetworkFile(name)) return read.problems;
  const problems = [...read.problems, ...checkSections(file, content, `${key}.content`, name)];
  const sections = new Set(file.options.map((option) => option.section));
  const has = (section: string, names: RegExp) =>
    file.options.some((o) => o.section === section && names.test(o.name) && o.value !== "");
  if (unit.isEnabled && !has("Install", /^(?:WantedBy|RequiredBy|UpheldBy|Also|Alias)$/))
    problems.push(
      warning(
        lineOf(unit, "enable"),
        `${key}.enable`,
        `needs an [Install] section in ${name}, such as WantedBy=multi-user.target; without, nothing is enabled`,
      ),
    );
  if (name.endsWith(".service") && unit.dropIns.length === 0) {
    const isComplete = has("Service", /^(?:ExecStart|ExecStop|SuccessAction|FailureAction)$/);
    if (!isComplete)
      problems.push(
        warning(
          content.line,
          `${key}.content`,
          `has no ExecStart= in a [Service] section${sections.has("Service") ? "" : ", nor that section"}: systemd does not load ${name}`,
        ),
      );
  }
  return problems;
}

function checkDropIn(unit: ConfigUnit, dropIn: Tree, i: number): readonly Problem[] {
  const content = child(dropIn, "content");
  const missing = ["name", "content"].filter((name) => !textOf(child(dropIn, name)));
  const where = `${unit.key}.drop_ins[${i}]`;
  if (dropIn.kind === "map" && missing.length > 0)
    return [warning(dropIn.line, where, `has no ${missing.join(" and no ")}, and is passed over`)];
  if (content === undefined) return [];
  const key = `${where}.content`;
  const { file, problems } = readUnitFile(content, key, unit.name);
  if (file === undefined || isNetworkFile(unit.name)) return problems;
  return [...problems, ...checkSections(file, content, key, unit.name)];
}

/** systemd passes over a line that it cannot read; what is meant by it is lost. */
function readUnitFile(
  content: Tree,
  key: string,
  name: string,
): { readonly file?: UnitFile; readonly problems: readonly Problem[] } {
  try {
    const file = parseUnitFile(textOf(content) ?? "", name);
    const problems = file.warnings.map(({ line, message, advice }) =>
      warning(lineInside(content, line), key, `${message}; ${advice}`),
    );
    return { file, problems };
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    const message = fault.message.replace(/^Cannot read .* line \d+: /, "");
    return { problems: [warning(lineInside(content, Number(fault.facts["line"])), key, message)] };
  }
}

/** Sections by type of unit, systemd.unit(5) and those that it refers to; what begins with X- is for others. */
const SECTIONS: Readonly<Record<string, string>> = {
  service: "Service",
  socket: "Socket",
  mount: "Mount",
  automount: "Automount",
  swap: "Swap",
  path: "Path",
  timer: "Timer",
  slice: "Slice",
  scope: "Scope",
};

function checkSections(
  file: UnitFile,
  content: Tree,
  key: string,
  name: string,
): readonly Problem[] {
  const own = SECTIONS[name.slice(name.lastIndexOf(".") + 1)];
  const known = ["Unit", "Install", ...(own === undefined ? [] : [own])];
  const told = new Set<string>();
  return file.options.flatMap(({ section, line }) => {
    if (known.includes(section) || told.has(section)) return [];
    told.add(section);
    const tell = (message: string) => [warning(lineInside(content, line), key, message)];
    if (section === "X-Fleet")
      return tell(
        `the section [X-Fleet] is for fleet, and systemd passes over it; give ${name} to fleetctl, or leave the section out`,
      );
    if (section.startsWith("X-")) return [];
    const near = nearestWord(section, known);
    const advice = near === undefined ? `known are ${known.join(", ")}` : `did you mean [${near}]?`;
    return tell(`systemd passes over the section [${section}] in ${name}; ${advice}`);
  });
}

function lineOf(unit: ConfigUnit, key: string): number {
  return child(unit.tree, key)?.line ?? unit.tree.line;
}

/** The line of the whole file, where the text keeps its lines; else that of its key. */
function lineInside(content: Tree, line: number): number {
  const first = content.kind === "text" ? content.textLine : undefined;
  return first === undefined ? content.line : first + line - 1;
}
