import { existsSync } from "node:fs";
import {
  type KnownCluster,
  knownClusters,
  type Local,
  openLocalCluster,
} from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";
import { chooseMachines } from "#machines/core/choose-machines.ts";
import { groupOf } from "#machines/core/machine.ts";
import { wantedMachines } from "#machines/core/project.ts";

/** A line of the table; its names are those of `--json`. */
interface Row {
  readonly name: string;
  readonly group: string;
  readonly state: "running" | "halted" | "not created";
  readonly provider: string;
  readonly address: string;
  /** Null while it was never made. */
  readonly id: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Runs with other user-data or settings than it would be booted with now. */
  readonly outdated: boolean;
  /** False when the project file does not have it any more. */
  readonly wanted: boolean;
}

const NAME_WIDTH = 26; // as Vagrant aligns it
const STATE_WIDTH = 24;

export async function status(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("status", args, "names", {
    ...COMMON_OPTIONS,
    json: { type: "boolean" },
    all: { type: "boolean", short: "a" },
  });
  if (values.all === true) {
    io.stdout.write(clustersTable(await knownClusters(io)));
    return 0;
  }
  const local = await openLocalCluster(io, values);
  if (local.project !== undefined && local.project.parsed.project === undefined)
    io.stderr.write(
      `==> ${local.project.file} has mistakes, so only machines that were made are shown; \`keelson up\` tells what is wrong\n`,
    );
  const rows = chooseMachines(await rowsOf(local), positionals);
  if (values.json === true) io.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
  else io.stdout.write(rows.length === 0 ? NONE : tableOf(rows));
  return 0;
}

const NONE = "There are no machines. Make some with `keelson up` or `keelson quickstart`.\n";

/** Also of machines that the project file wants and that nobody made yet. */
async function rowsOf({ project, cluster, provider }: Local): Promise<readonly Row[]> {
  const sound = project?.parsed.project;
  const wanted = sound === undefined ? undefined : wantedMachines(sound);
  const made = (await cluster.status()).map(({ machine, state, isOutdated }): Row => {
    const { name, id, address, metadata } = machine;
    const isWanted = wanted?.some((each) => each.name === name) ?? true;
    const common = { name, group: groupOf(name), state, provider: provider.name, address };
    return { ...common, id, metadata, outdated: isOutdated, wanted: isWanted };
  });
  const missing = (wanted ?? []).filter(({ name }) => !made.some((row) => row.name === name));
  const unmade = missing.map(({ name, number, metadata }): Row => {
    const address = sound?.network === undefined ? "" : `${sound.network}.${number}`;
    const common = { name, group: groupOf(name), provider: provider.name, address };
    return { ...common, state: "not created", id: null, metadata, outdated: false, wanted: true };
  });
  return [...made, ...unmade];
}

function tableOf(rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(({ address }) => address.length)) + 2;
  const lines = rows.map((row) => {
    const state = `${row.state} (${row.provider})`.padEnd(STATE_WIDTH);
    const metadata = Object.entries(row.metadata).map(([key, value]) => `${key}=${value}`);
    const line = `${row.name.padEnd(NAME_WIDTH)}${state} ${row.address.padEnd(width)}${metadata.join(",")}`;
    return `${line.trimEnd()}\n`;
  });
  return `Current machine states:\n\n${lines.join("")}${notesOn(rows)}`;
}

function notesOn(rows: readonly Row[]): string {
  const outdated = rows.filter((row) => row.outdated).map(({ name }) => name);
  const unwanted = rows.filter((row) => !row.wanted).map(({ name }) => name);
  return [
    outdated.length === 0
      ? ""
      : `\nChanged since it booted: ${outdated.join(", ")}; \`keelson reload ${outdated.join(" ")}\` applies that.\n`,
    unwanted.length === 0
      ? ""
      : `\nNot in the project file any more: ${unwanted.join(", ")}; \`keelson destroy ${unwanted.join(" ")}\` removes it.\n`,
  ].join("");
}

function clustersTable(clusters: readonly KnownCluster[]): string {
  if (clusters.length === 0) return NONE;
  const lines = clusters.map(({ cluster, name, running }) => {
    const { machines, provider, network, project } = cluster;
    const count = `${running} of ${machines.length} running (${provider})`;
    const file = project === undefined ? "made by `keelson up` without a project file" : project;
    const isGone = project !== undefined && !existsSync(project);
    const gone = isGone
      ? ` is gone: put \`name: ${name}\` into the project file where it is now to have them back, or to destroy them`
      : "";
    return `${(name ?? "-").padEnd(NAME_WIDTH)}${count.padEnd(28)} ${network.padEnd(13)}${file}${gone}\n`;
  });
  return `Clusters on this computer:\n\n${lines.join("")}`;
}
