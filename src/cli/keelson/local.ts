import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";
import { ContainerProvider } from "#machines/container-provider.ts";
import {
  type Cluster,
  DEFAULT_NETWORK,
  initialCluster,
  type Machine,
} from "#machines/core/machine.ts";
import { wantedMachines } from "#machines/core/project.ts";
import { PROVIDERS } from "#machines/core/project-file.ts";
import { LocalCluster } from "#machines/local-cluster.ts";
import { ProcessProvider } from "#machines/process-provider.ts";
import { findProject, type ProjectText, readProject } from "#machines/project-wish.ts";
import type { Provider } from "#machines/provider.ts";
import { readUserDataFile } from "#machines/read-user-data-file.ts";
import { defaultStateDirectory, StateDirectory } from "#machines/state-directory.ts";

/** The directory with bin/ and examples/, told by bin/keelson. */
export function installation(io: Io): string {
  const home = io.env["KEELSON_HOME"];
  if (home === undefined)
    throw new Fault(
      "USAGE",
      "Cannot find my own files: start me by bin/keelson, or set KEELSON_HOME",
    );
  return home;
}

/** `bin/keelson`, as units and machines call it. */
export function programPath(io: Io): string {
  return join(installation(io), "bin/keelson");
}

/**
 * The quickstart's user-data, its one server and addresses replaced by the cluster's.
 * @throws {Fault} FILE_UNREADABLE
 */
export async function quickstartUserData(io: Io): Promise<(cluster: Cluster) => string> {
  const text = await readUserDataFile(join(installation(io), "examples/quickstart/user-data"));
  const one = `core-01=http://${DEFAULT_NETWORK}.1:2380`;
  return (cluster) =>
    text
      .replace(one, initialCluster(cluster))
      .replaceAll(`${DEFAULT_NETWORK}.`, `${cluster.network}.`);
}

export interface LocalOptions {
  /** Of `--project`: a file. */
  readonly project?: string | undefined;
  /** Of `--provider`. */
  readonly provider?: string | undefined;
  /** Passes over any keelson.yaml. */
  readonly withoutProject?: boolean;
}

export interface Local {
  /** What `keelson.yaml` says, perhaps with mistakes; undefined when there is none. */
  readonly project: ProjectText | undefined;
  readonly state: StateDirectory;
  readonly provider: Provider;
  readonly cluster: LocalCluster;
}

/**
 * The cluster on this computer that the working directory, or `--project`, is about; it tells its progress on stderr.
 * @throws {Fault} CONFIG_INVALID, USAGE when the machines are another provider's or another project's.
 */
export async function openLocalCluster(io: Io, options: LocalOptions = {}): Promise<Local> {
  const project = await projectOf(io, options);
  const base = new StateDirectory(defaultStateDirectory(io.env));
  const state = project === undefined ? base : base.ofProject(nameOf(project));
  const made = await state.load().catch(() => undefined); // whoever needs it will tell
  if (project !== undefined) checkFile(made, project);
  const report = (machine: string, what: string) =>
    void io.stderr.write(`==> ${machine}: ${what}\n`);
  const provider = openProvider(io, state, chooseProvider(made, project, options));
  const others = async () =>
    (await base.clusters())
      .filter(({ path }) => path !== state.path)
      .map(({ path, cluster }) => ({
        called:
          cluster.project === undefined
            ? "the cluster without a project"
            : `project ${basename(path)} (${cluster.project})`,
        network: cluster.network,
      }));
  const cluster = new LocalCluster({ state, provider, clock: systemClock, report, others });
  return { project, state, provider, cluster };
}

/** A cluster of this user's on this computer, wherever its project is. */
export interface KnownCluster {
  readonly cluster: Cluster;
  /** The project's name; undefined for the cluster without one. */
  readonly name: string | undefined;
  /** How many of its machines run. */
  readonly running: number;
}

export async function knownClusters(io: Io): Promise<readonly KnownCluster[]> {
  const base = new StateDirectory(defaultStateDirectory(io.env));
  const known = (await base.clusters()).map(async ({ path, cluster }): Promise<KnownCluster> => {
    const provider = openProvider(io, new StateDirectory(path), cluster.provider);
    const running = cluster.machines.map(({ name }) => provider.isRunning(name));
    return {
      cluster,
      name: path === base.path ? undefined : basename(path),
      running: (await Promise.all(running)).filter(Boolean).length,
    };
  });
  return Promise.all(known);
}

/** Names of all machines that the project's file wants; undefined without a file, or one with mistakes. */
export function wantedNames({ project }: Local): readonly string[] | undefined {
  const sound = project?.parsed.project;
  return sound === undefined ? undefined : wantedMachines(sound).map(({ name }) => name);
}

/** The one machine that a word means. @throws {Fault} MACHINE_NOT_FOUND, USAGE when it means several */
export async function oneMachine({ cluster }: Local, word: string): Promise<Machine> {
  const [machine, ...more] = await cluster.machines([word]);
  if (machine !== undefined && more.length === 0) return machine;
  const names = [machine, ...more].map((each) => each?.name).join(", ");
  throw new Fault("USAGE", `Cannot take "${word}" for one machine: it means ${names}; name one`);
}

async function projectOf(io: Io, options: LocalOptions): Promise<ProjectText | undefined> {
  if (options.withoutProject === true) return undefined;
  const home = io.env["HOME"] ?? "/";
  if (options.project === undefined) return findProject(io.cwd, home);
  return readProject(resolve(io.cwd, options.project), home);
}

function nameOf({ file, parsed }: ProjectText): string {
  if (parsed.name !== undefined) return parsed.name;
  const [first] = parsed.problems;
  throw new Fault(
    "CONFIG_INVALID",
    `Cannot use the project file ${file}: not even its name can be told; mend that first:\n  ${file}:${first?.line ?? 1}: ${first?.key ? `${first.key}: ` : ""}${first?.message ?? "it has none"}`,
  );
}

/** A project that was moved is the same one; another file by the same name is not. */
function checkFile(made: Cluster | undefined, project: ProjectText): void {
  const { project: recorded } = made ?? {};
  if (recorded === undefined || recorded === project.file || !existsSync(recorded)) return;
  throw new Fault(
    "CONFIG_INVALID",
    `Cannot use project ${project.parsed.name} of ${project.file}: there are machines of that name already, made from ${recorded}; give this one another \`name:\`, or \`keelson destroy\` those in ${dirname(recorded)}`,
  );
}

function chooseProvider(
  made: Cluster | undefined,
  project: ProjectText | undefined,
  options: LocalOptions,
): string {
  const asked = options.provider ?? project?.parsed.project?.provider;
  if (asked !== undefined && !PROVIDERS.some((name) => name === asked))
    throw new Fault("USAGE", `Cannot use provider ${asked}: choose one of ${PROVIDERS.join(", ")}`);
  if (made !== undefined && asked !== undefined && asked !== made.provider)
    throw new Fault(
      "USAGE",
      `Cannot use provider ${asked}: the machines there are were made by provider ${made.provider}; \`keelson destroy\` them first, or keep to ${made.provider}`,
    );
  return asked ?? made?.provider ?? "process";
}

function openProvider(io: Io, state: StateDirectory, name: string): Provider {
  const init = { state, program: programPath(io), clock: systemClock, env: io.env };
  if (name !== "container") return new ProcessProvider(init);
  const report = (what: string) => void io.stderr.write(`==> ${what}\n`);
  return new ContainerProvider({ ...init, report });
}
