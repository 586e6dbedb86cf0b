import { Fault } from "#base/fault.ts";
import { addressKey, parseAddress } from "./source-address.ts";
import type { SourceMetadata } from "./source-metadata.ts";

/** Numbered variables of one kind that are looked for; a machine has a few. */
const NUMBERED_MAX = 256;

/** A dialogue: yields the name of a variable below `guestinfo.`, is told its value (empty: none), returns what it learned. */
export type Dialogue<T> = Generator<string, T, string>;

/**
 * What VMware's guestinfo variables tell of the machine, by the names and in the order that the original asks for them.
 * @throws {Fault} SOURCE_FAILED for an address or a role that is none
 */
export function* askVmwareMetadata(): Dialogue<SourceMetadata> {
  const hostname = yield "hostname";
  const network: Record<string, string> = {};
  const addresses: Partial<Record<ReturnType<typeof addressKey>, string>> = {};
  yield* saveNumbered("dns.server", network);
  yield* saveNumbered("dns.domain", network);
  for (let i = 0; i < NUMBERED_MAX; i++)
    if (!(yield* askInterface(`interface.${i}`, network, addresses))) break;
  return {
    ...addresses,
    ...(hostname === "" ? {} : { hostname }),
    sshPublicKeys: {},
    networkConfig: network,
  };
}

function* save(key: string, network: Record<string, string>): Dialogue<string> {
  const value = yield key;
  if (value !== "") network[key] = value;
  return value;
}

function* saveNumbered(prefix: string, network: Record<string, string>): Dialogue<void> {
  for (let i = 0; i < NUMBERED_MAX; i++)
    if ((yield* save(`${prefix}.${i}`, network)) === "") return;
}

/** Whether there is such an interface. */
function* askInterface(
  name: string,
  network: Record<string, string>,
  addresses: Partial<Record<ReturnType<typeof addressKey>, string>>,
): Dialogue<boolean> {
  let isThere = false;
  for (const key of ["name", "mac", "dhcp"])
    if ((yield* save(`${name}.${key}`, network)) !== "") isThere = true;
  const role = yield `${name}.role`;
  for (let i = 0; i < NUMBERED_MAX; i++) {
    const key = `${name}.ip.${i}.address`;
    const text = yield* save(key, network);
    if (text === "") break;
    isThere = true;
    const address = parseCidr(key, text);
    if (role === "public" || role === "private")
      addresses[addressKey(role, address.family)] = address.text;
    else if (role !== "")
      throw unusable(`${name}.role`, role, 'expected "public", "private" or nothing');
  }
  for (let i = 0; i < NUMBERED_MAX; i++) {
    const gateway = yield* save(`${name}.route.${i}.gateway`, network);
    const destination = yield* save(`${name}.route.${i}.destination`, network);
    if (gateway === "" && destination === "") break;
    isThere = true;
  }
  return isThere;
}

function parseCidr(key: string, text: string) {
  const [, host = "", length = ""] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined || Number(length) > (address.family === 4 ? 32 : 128))
    throw unusable(key, text, "expected an address with its prefix length, such as 192.0.2.7/24");
  return address;
}

function unusable(key: string, value: string, expected: string): Fault {
  return new Fault("SOURCE_FAILED", `Cannot use guestinfo.${key}: it is "${value}"; ${expected}`);
}

export interface VmwareUserData {
  /** As decoded by the encodings of write_files; empty: it is what it is. */
  readonly encoding: string;
  readonly data: string;
  /** Where it is fetched when there is no data. */
  readonly url: string;
}

export function* askVmwareUserData(): Dialogue<VmwareUserData> {
  const encoding = yield "coreos.config.data.encoding";
  const data = yield "coreos.config.data";
  return { encoding, data, url: data === "" ? yield "coreos.config.url" : "" };
}

/** Leads a dialogue with variables that are at hand. */
export function answerFrom<T>(dialogue: Dialogue<T>, values: ReadonlyMap<string, string>): T {
  for (let step = dialogue.next(); ; ) {
    if (step.done) return step.value;
    step = dialogue.next(values.get(step.value) ?? "");
  }
}
