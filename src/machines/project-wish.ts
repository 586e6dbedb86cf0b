import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { type Cluster, groupOf } from "#machines/core/machine.ts";
import type { WantedMachine } from "#machines/core/plan-cluster.ts";
import { type Project, wantedMachines } from "#machines/core/project.ts";
import { setDiscovery } from "#machines/core/project-discovery.ts";
import { type ParsedProject, parseProject } from "#machines/core/project-file.ts";
import { newDiscoveryUrl } from "#machines/new-discovery-url.ts";
import { checkUserData, readUserDataFile } from "#machines/read-user-data-file.ts";
import type { Wish } from "#machines/wish.ts";

/** Found in a directory or above it, as Vagrant finds its file. */
export const PROJECT_FILE = "keelson.yaml";

export interface ProjectText {
  /** Absolute path of the file. */
  readonly file: string;
  readonly parsed: ParsedProject;
}

/** @throws {Fault} FILE_UNREADABLE */
export async function readProject(file: string, home: string): Promise<ProjectText> {
  try {
    const text = await readFile(file, "utf8");
    return { file, parsed: parseProject(text, { directory: dirname(file), home }) };
  } catch (cause) {
    throw new Fault(
      "FILE_UNREADABLE",
      `Cannot read the project file ${file}: ${reasonOf(cause)}; name another one with --project`,
      { cause },
    );
  }
}

/** The project file in `directory` or the nearest one above; undefined when there is none. */
export async function findProject(
  directory: string,
  home: string,
): Promise<ProjectText | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    const file = at === "/" ? `/${PROJECT_FILE}` : `${at}/${PROJECT_FILE}`;
    try {
      return await readProject(file, home);
    } catch (error) {
      const { cause } = error as { cause: unknown };
      if (!isErrno(cause, "ENOENT") && !isErrno(cause, "ENOTDIR")) throw error;
    }
    if (at === dirname(at)) return undefined;
  }
}

/** The project, when nothing is wrong with its file. @throws {Fault} CONFIG_INVALID with every problem */
export function soundProject({ file, parsed }: ProjectText): Project {
  if (parsed.project !== undefined) return parsed.project;
  const lines = parsed.problems.map(({ line, key, message }) => {
    return `\n  ${file}:${line}: ${key === "" ? "" : `${key}: `}${message}`;
  });
  const count = lines.length === 1 ? "1 problem" : `${lines.length} problems`;
  throw new Fault(
    "CONFIG_INVALID",
    `Cannot use the project file ${file}: ${count}, nothing was changed; mend and try again:${lines.join("")}`,
    { facts: { file, line: parsed.problems[0]?.line ?? 1 } },
  );
}

/**
 * What a sound project wants, its user-data read and looked over.
 * @param ownUserData Keelson's own, for groups that have none.
 * @throws {Fault} FILE_UNREADABLE, CLOUD_CONFIG_INVALID
 */
export async function wishOfProject(
  file: string,
  project: Project,
  ownUserData: (cluster: Cluster) => string,
): Promise<Wish> {
  const texts = new Map<string, string>();
  const warnings = new Set<string>(); // groups may share a file
  for (const { name, userData } of project.groups) {
    if (userData === undefined) continue;
    const source =
      userData.kind === "file" ? userData.path : `of group ${name} in ${file}:${userData.line}`;
    const text = userData.kind === "file" ? await readUserDataFile(source) : userData.text;
    for (const warning of checkUserData(text, source)) warnings.add(warning);
    texts.set(name, text);
  }
  const wanted = wantedMachines(project);
  return {
    project: file,
    network: project.network,
    warnings: [...warnings],
    machines: (made) => {
      checkServers(made, wanted, file);
      return wanted;
    },
    newDiscovery: async (signal) =>
      project.discovery === undefined
        ? undefined
        : newDiscoveryUrl(project.discovery, wanted.length, signal),
    userData: (machine, cluster) => {
      if (!wanted.some(({ name }) => name === machine)) return undefined;
      const text = texts.get(groupOf(machine)) ?? ownUserData(cluster);
      const { discovery } = cluster;
      return {
        text: discovery === undefined ? text : setDiscovery(text, discovery),
        replaces: true,
      };
    },
  };
}

/** Machines that hold the store cannot be changed by user-data once they do. */
function checkServers(
  made: Cluster | undefined,
  wanted: readonly WantedMachine[],
  file: string,
): void {
  const names = wanted.filter(({ isServer }) => isServer).map(({ name }) => name);
  if (made === undefined || names.toString() === made.servers.toString()) return;
  const [held, now] = [made.servers, names].map((all) => all.join(", ") || "no machine");
  throw new Fault(
    "USAGE",
    `Cannot have the store on ${now}, as ${file} says: it is on ${held}; change \`servers:\` back, move it with etcdctl member, or \`keelson destroy\` all machines first`,
  );
}
