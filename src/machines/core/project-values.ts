import type { SharedFolder } from "./machine.ts";
import type { Meaning } from "./project-reader.ts";
import { unusableCharacter } from "./unusable-character.ts";

/** What values of a project file are read with. */
export interface ProjectPlace {
  /** Absolute path of the directory that the file is in. */
  readonly directory: string;
  /** The home directory that `~` stands for. */
  readonly home: string;
}

const NAME_LENGTH_MAX = 24; // machines' sockets must stay within 107 bytes

/** Of a project or a group; hostnames are made of it. */
export const nameOf: Meaning<string> = (text) =>
  /^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(text) && text.length <= NAME_LENGTH_MAX
    ? { value: text }
    : {
        wrong: `is "${text}"; use lower-case letters, digits and hyphens, a letter first, at most ${NAME_LENGTH_MAX}`,
      };

export function countOf(min: number, max: number): Meaning<number> {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max
      ? { value }
      : { wrong: `is "${text}"; expected a whole number from ${min} to ${max}` };
  };
}

const MIB = 1024 * 1024;
const UNITS: Readonly<Record<string, number>> = { "": MIB, K: 1024, M: MIB, G: 1024 * MIB };
const MEMORY_MIN_BYTES = 32 * MIB; // less does not boot

/** Bytes of memory: `2G`, `512M`; a bare number is in MiB, as Vagrant has it. */
export const memoryOf: Meaning<number> = (text) => {
  const match = /^(\d{1,7}(?:\.\d{1,3})?) ?([KMG]?)(?:i?B)?$/i.exec(text);
  const bytes = Math.round(Number(match?.[1]) * (UNITS[match?.[2]?.toUpperCase() ?? ""] ?? MIB));
  if (match === null || Number.isNaN(bytes))
    return { wrong: `is "${text}"; expected such as 512M or 2G (a bare number is in MiB)` };
  return bytes >= MEMORY_MIN_BYTES
    ? { value: bytes }
    : { wrong: `is "${text}"; a machine needs at least 32M (a bare number is in MiB)` };
};

const CPUS_MAX = 1024;

/** Processors' worth of time. */
export const cpusOf: Meaning<number> = (text) => {
  const value = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  return value > 0 && value <= CPUS_MAX
    ? { value }
    : { wrong: `is "${text}"; expected a number of processors, such as 2 or 0.5` };
};

export function oneOf(words: readonly string[]): Meaning<string> {
  return (text) =>
    words.includes(text)
      ? { value: text }
      : { wrong: `is "${text}"; choose one of ${words.join(", ")}` };
}

/** First three bytes of addresses. */
export const networkOf: Meaning<string> = (text) =>
  isNetwork(text)
    ? { value: text }
    : {
        wrong: `is "${text}"; expected the first three bytes of the machines' addresses, such as 192.168.10`,
      };

/** Whether it is the first three bytes of IPv4 addresses that machines could have. */
export function isNetwork(text: string): boolean {
  const parts = text.split(".");
  const isByte = (part: string) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256;
  return parts.length === 3 && parts.every(isByte) && parts[0] !== "0" && Number(parts[0]) < 224;
}

/** Of an update channel, a Debian package and the like: one word. */
export function wordOf(example: string): Meaning<string> {
  return (text) =>
    /^[A-Za-z0-9][A-Za-z0-9.+_-]*$/.test(text)
      ? { value: text }
      : { wrong: `is "${text}"; expected a name such as ${example}` };
}

/** The address of a discovery service that gives out new URLs. */
export const discoveryOf: Meaning<string> = (text) => {
  if (text === "new")
    return {
      wrong:
        'is "new", of which service? Write its address, such as http://10.0.0.1:8087/new; `keelson discovery` starts one',
    };
  const isUrl = /^https?:\/\/[^\s/]+\/(\S+\/)?new(\?size=\d+)?$/.test(text) && URL.canParse(text);
  return isUrl
    ? { value: text }
    : {
        wrong: `is "${text}"; expected where a discovery service gives out new URLs, such as http://10.0.0.1:8087/new or …/new?size=3`,
      };
};

/** A value of metadata: fleet's are parted by commas. */
export const metadataValueOf: Meaning<string> = (text) =>
  /^[^,\n]*$/.test(text)
    ? { value: text }
    : { wrong: `is "${text}"; fleet's metadata cannot hold a comma or a line's end` };

export function isMetadataKey(text: string): boolean {
  return /^[^:=,\s]+$/.test(text);
}

/** `HOST:PATH`, `HOST:PATH:ro`, as most know it of containers. */
export function folderOf(place: ProjectPlace): Meaning<SharedFolder> {
  return (text) => {
    const [host = "", path = "", mode = "rw", ...rest] = text.split(":");
    if (host === "" || path === "" || rest.length > 0 || !["ro", "rw"].includes(mode))
      return {
        wrong: `is "${text}"; expected DIRECTORY-HERE:DIRECTORY-INSIDE, with :ro behind it when machines may only read`,
      };
    return sharedFolder({ host, path, readOnly: mode === "ro" }, place);
  };
}

/** A folder whose directory here may be relative to the file or begin with `~`. */
export function sharedFolder(
  { host, path, readOnly }: SharedFolder,
  place: ProjectPlace,
): { value: SharedFolder } | { wrong: string } {
  const here = absolutePath(host, place);
  const inside = normalized(path);
  if (!path.startsWith("/") || inside === "/" || path.split("/").includes(".."))
    return {
      wrong: `has "${path}" for inside; expected an absolute path below /, such as /shared`,
    };
  const unusable = unusableCharacter(here) ?? unusableCharacter(inside);
  if (unusable !== undefined)
    return { wrong: `has a ${JSON.stringify(unusable)}, which mounts cannot name` };
  return { value: { host: here, path: inside, readOnly } };
}

/** A path as the file writes it: relative to the file's directory, `~` is the home directory. */
export function absolutePath(text: string, { directory, home }: ProjectPlace): string {
  if (text === "~") return normalized(home);
  if (text.startsWith("~/")) return normalized(`${home}/${text.slice(2)}`);
  return normalized(text.startsWith("/") ? text : `${directory}/${text}`);
}

/** Without empty parts, `.` and `..`. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/"))
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  return `/${parts.join("/")}`;
}
