import { isUnitName } from "#unitfile/core/unit-name.ts";
import type { Check } from "./shape.ts";

/** A check by pattern; `wanted` finishes the sentence "expected …". */
function matching(pattern: RegExp, wanted: string): Check {
  return (text) => (pattern.test(text) ? undefined : `is "${text}"; expected ${wanted}`);
}

const HOSTNAME_LENGTH_MAX = 64; // HOST_NAME_MAX, hostname(7)
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"; // RFC 1123 section 2.1
const HOSTNAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

export const hostname: Check = (text) =>
  text.length <= HOSTNAME_LENGTH_MAX && HOSTNAME.test(text)
    ? undefined
    : `is "${text}"; expected letters, digits, hyphens and dots, at most ${HOSTNAME_LENGTH_MAX}, such as core-01`;

export const permissions = matching(/^0?[0-7]{3,4}$/, 'octal permissions such as "0644"');

export const owner = matching(/^(?!$)[\w-]*\$?(?:[:.][\w-]*\$?)?$/, "USER, USER:GROUP or :GROUP");

const NETWORK_FILE = /^[A-Za-z0-9:_.\\@-]{1,240}\.(?:network|netdev|link)$/;

/** Whether a unit of a cloud-config is systemd-networkd's, systemd.network(5), and not systemd's. */
export function isNetworkFile(name: string): boolean {
  return NETWORK_FILE.test(name);
}

export const unitName: Check = (text) =>
  isUnitName(text) || isNetworkFile(text)
    ? undefined
    : `is "${text}"; expected a unit name such as web.service, web@1.service or 10-static.network`;

export const dropInName = matching(
  /^[^/\0]+\.conf$/,
  "a file name ending in .conf, or systemd passes over it",
);

export const filePath: Check = (text) => {
  if (text.includes("\0")) return "has a NUL character";
  if (/(^|\/)\.?$/.test(text)) return `is "${text}", a directory; give the file's name too`;
  if (text.split("/").includes("..")) return `is "${text}"; write the path without ".."`;
  return undefined;
};

export const fleetMetadata: Check = (text) => {
  const wrong = text.split(",").find((pair) => pair.trim() !== "" && !/^\s*[^=\s]+=/.test(pair));
  return wrong === undefined
    ? undefined
    : `has "${wrong.trim()}"; expected KEY=VALUE, several with commas between, such as "region=us-west,disk=ssd"`;
};

export const windowStart = matching(
  /^(?:(?:sun|mon|tue|wed|thu|fri|sat) )?0*(?:\d|1\d|2[0-3]):0*(?:\d|[1-5]\d)$/i,
  'a time such as 21:30 or "Thu 21:30"',
);

export const windowLength = matching(
  /^[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/,
  "a duration such as 1h30m",
);
