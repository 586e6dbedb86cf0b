import type { Equipment, SharedFolder } from "./machine.ts";
import { MACHINES_MAX } from "./machine.ts";
import type { Group, Project, UserDataSource } from "./project.ts";
import { openProjectText, type Place, type ProjectProblem } from "./project-reader.ts";
import {
  absolutePath,
  countOf,
  cpusOf,
  discoveryOf,
  folderOf,
  isMetadataKey,
  memoryOf,
  metadataValueOf,
  nameOf,
  networkOf,
  oneOf,
  type ProjectPlace,
  sharedFolder,
  wordOf,
} from "./project-values.ts";

export const PROVIDERS = ["process", "container"] as const;

const LAST_NUMBER = 253; // 254 is the computer itself among containers, 255 the broadcast address
const GROUPS_MAX = 20;
/** Between the first addresses of groups that do not say theirs: .1, .11, .21 … */
const GROUP_STEP = 10;

const PROJECT_KEYS = ["name", "provider", "network", "discovery", "defaults", "groups"];
const DEFAULTS_KEYS = [
  "user-data",
  "metadata",
  "memory",
  "cpus",
  "folders",
  "channel",
  "packages",
  "internet",
];
const GROUP_KEYS = ["count", "first", "servers", ...DEFAULTS_KEYS];

export interface ParsedProject {
  /** Only when nothing is wrong. */
  readonly project: Project | undefined;
  /** Also of a file with mistakes elsewhere, as far as it can be told. */
  readonly name: string | undefined;
  readonly problems: readonly ProjectProblem[];
}

/** Reads a `keelson.yaml`; never throws. A project without a name is called as its directory. */
export function parseProject(text: string, place: ProjectPlace): ParsedProject {
  const { root, problems } = openProjectText(text);
  if (problems.length > 0) return { project: undefined, name: undefined, problems };
  root.keys(PROJECT_KEYS);
  const name = root.at("name").isGiven
    ? root.at("name").read(nameOf, undefined)
    : nameOfDirectory(place.directory);
  const provider = root.at("provider").read(oneOf(PROVIDERS), undefined);
  const network = root.at("network").read(networkOf, undefined);
  const discovery = root.at("discovery").read(discoveryOf, undefined);
  const defaults = root.at("defaults");
  defaults.keys(DEFAULTS_KEYS);
  const common = readCommon(defaults, NOTHING, place);
  const groups = readGroups(root, common, place);
  if (discovery !== undefined)
    for (const group of groups)
      if (group.userData === undefined)
        root
          .at("discovery")
          .refuse(
            `is for machines with user-data of yours, which group ${group.name} has not; give it \`user-data:\``,
          );
  const project =
    name === undefined || problems.length > 0
      ? undefined
      : { name, provider, network, discovery, groups };
  return { project, name, problems: problems.toSorted((a, b) => a.line - b.line) };
}

/** What groups take over from `defaults`. */
interface Common {
  readonly userData: UserDataSource | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly equipment: Equipment;
}

const NOTHING: Common = { userData: undefined, metadata: {}, equipment: { folders: [] } };

function readGroups(root: Place, common: Common, place: ProjectPlace): readonly Group[] {
  const at = root.at("groups");
  const entries = at.entries();
  if (entries.length === 0 && (at.isMap || !at.isGiven))
    at.refuse('has no groups of machines; write one, such as "core: {count: 3}"');
  if (entries.length > GROUPS_MAX) at.refuse(`has more than ${GROUPS_MAX} groups`);
  const groups = entries.map(({ name, place: group }, index) => {
    const checked = nameOf(name);
    if ("wrong" in checked) group.refuse(`the group's name ${checked.wrong}`);
    return readGroup(name, group, { common, place, first: GROUP_STEP * index + 1 });
  });
  refuseOverlaps(entries, groups);
  if (groups.some(({ servers }) => servers > 0)) return groups;
  const holder = groups.find(({ userData }) => userData === undefined);
  return groups.map((group) => (group === holder ? { ...group, servers: 1 } : group));
}

interface GroupContext {
  readonly common: Common;
  readonly place: ProjectPlace;
  /** Last byte of its first address when it does not say. */
  readonly first: number;
}

function readGroup(name: string, at: Place, context: GroupContext): Group {
  const { common, place } = context;
  if (at.isText) {
    const count = at.read(countOf(1, MACHINES_MAX), 1); // `web: 3`
    return { name, count, first: context.first, servers: 0, ...common };
  }
  at.keys(GROUP_KEYS);
  const count = at.at("count").read(countOf(1, MACHINES_MAX), 1);
  const first = at.at("first").read(countOf(1, LAST_NUMBER), context.first);
  const servers = at.at("servers").read(countOf(0, count), 0);
  if (servers > 0 && (at.at("user-data").isGiven || common.userData !== undefined))
    at.at("servers").refuse(
      "has no effect beside user-data, whose etcd2 part says which machines hold the store; remove one of them",
    );
  return { name, count, first, servers, ...readCommon(at, common, place) };
}

function readCommon(at: Place, common: Common, place: ProjectPlace): Common {
  const { equipment } = common;
  const packages = at
    .at("packages")
    .items()
    .flatMap((item) => item.read(wordOf("docker.io"), []));
  const internet = at.at("internet").isGiven
    ? at.at("internet").read(oneOf(["true", "false"]), "false") === "true"
    : equipment.internet;
  const folders = at.at("folders").isMap
    ? [readFolder(at.at("folders"), place)]
    : at
        .at("folders")
        .items()
        .map((item) => readFolder(item, place));
  return {
    userData: readUserDataSource(at.at("user-data"), place) ?? common.userData,
    metadata: { ...common.metadata, ...readMetadata(at.at("metadata")) },
    equipment: {
      folders: mergedFolders(
        equipment.folders,
        folders.filter((folder) => folder !== undefined),
      ),
      memoryBytes: at.at("memory").read(memoryOf, equipment.memoryBytes),
      cpus: at.at("cpus").read(cpusOf, equipment.cpus),
      channel: at.at("channel").read(wordOf("stable"), equipment.channel),
      packages: [...new Set([...(equipment.packages ?? []), ...packages])],
      ...(internet === undefined ? {} : { internet }),
    },
  };
}

/** A group's folder takes the place of a default one at the same path. */
function mergedFolders(
  defaults: readonly SharedFolder[],
  own: readonly SharedFolder[],
): readonly SharedFolder[] {
  return [...new Map([...defaults, ...own].map((folder) => [folder.path, folder])).values()];
}

/** `HOST:PATH[:ro]`, or the keys `host`, `path` and `read-only`. */
function readFolder(at: Place, place: ProjectPlace): SharedFolder | undefined {
  if (!at.isMap) return at.read(folderOf(place), undefined);
  at.keys(["host", "path", "read-only"]);
  const host = at.at("host").text();
  const path = at.at("path").text();
  if (host === undefined || path === undefined)
    return at.refuse("needs `host:`, a directory here, and `path:`, where machines see it");
  const readOnly = at.at("read-only").read(oneOf(["true", "false"]), "false") === "true";
  const folder = sharedFolder({ host, path, readOnly }, place);
  return "value" in folder ? folder.value : at.refuse(folder.wrong);
}

function readUserDataSource(at: Place, place: ProjectPlace): UserDataSource | undefined {
  const text = at.text();
  if (text === undefined) return undefined;
  if (text.includes("\n")) return { kind: "text", text, line: at.line + 1 };
  if (text.trim() === "" || text.startsWith("#"))
    return at.refuse("is one line; expected a file's name, or user-data written out below a `|`");
  return { kind: "file", path: absolutePath(text, place) };
}

/** `{role: web}` or `role=web,disk=ssd`, as fleet writes it. */
function readMetadata(at: Place): Readonly<Record<string, string>> {
  if (!at.isText)
    return Object.fromEntries(
      at.entries().flatMap(({ name, place }) => {
        if (!isMetadataKey(name)) place.refuse("is no key that fleet's metadata can have");
        const value = place.isGiven ? place.read(metadataValueOf, "") : "";
        return [[name, value] as const];
      }),
    );
  const pairs = (at.text() ?? "").split(",").map((pair) => {
    const [key = "", ...value] = pair.trim().split("=");
    if (!isMetadataKey(key) || value.length === 0)
      at.refuse(`has "${pair.trim()}"; expected KEY=VALUE, with commas between several`);
    return [key, value.join("=")] as const;
  });
  return Object.fromEntries(pairs);
}

function refuseOverlaps(
  entries: readonly { readonly place: Place }[],
  groups: readonly Group[],
): void {
  for (const [index, group] of groups.entries()) {
    const last = group.first + group.count - 1;
    if (last > LAST_NUMBER)
      entries[index]?.place.refuse(
        `its last machine would have the address .${last}; choose \`first\` so that it is at most .${LAST_NUMBER}`,
      );
    for (const other of groups.slice(0, index))
      if (group.first < other.first + other.count && other.first <= last)
        entries[index]?.place.refuse(
          `its addresses, .${group.first} to .${last}, overlap those of group ${other.name}, .${other.first} to .${other.first + other.count - 1}; give one of them another \`first:\``,
        );
  }
}

/** As far as a directory's name can be a project's. */
function nameOfDirectory(directory: string): string {
  const base = directory.slice(directory.lastIndexOf("/") + 1).toLowerCase();
  const usable = base.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^[^a-z]+|-+$/g, "");
  return usable.slice(0, 24).replace(/-+$/, "") || "project";
}
