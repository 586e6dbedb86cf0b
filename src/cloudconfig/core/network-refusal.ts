import { Fault } from "#base/fault.ts";
import type { NetworkFormat } from "./network-format.ts";

/** Far above any machine's, so that a small input cannot become a huge output. */
export const INTERFACES_MAX = 1000;
export const NAMESERVERS_MAX = 100;

const NAME_OCTETS_MAX = 200; // with depth and suffix it is a file's name, at most 255 octets

/**
 * What cannot be converted, and where: a line, or a key.
 * @param what what is so, and what to do
 */
export function refusal(format: NetworkFormat, where: string, what: string): Fault {
  return new Fault(
    "CLOUD_CONFIG_INVALID",
    `Cannot convert the ${format} network configuration: ${where}: ${what}; nothing was changed`,
  );
}

/**
 * An interface's name, which becomes part of a file's name and a line of that file.
 * @throws {Fault} CLOUD_CONFIG_INVALID
 */
export function interfaceName(format: NetworkFormat, where: string, name: string): string {
  const isName = /^[\x20-\x2e\x30-\x7e]+$/.test(name) && name.trim() === name;
  if (isName && name.length <= NAME_OCTETS_MAX) return name;
  throw refusal(
    format,
    where,
    `the interface's name is ${JSON.stringify(name.slice(0, NAME_OCTETS_MAX))}; expected one such as eth0, of printable ASCII without slashes`,
  );
}
