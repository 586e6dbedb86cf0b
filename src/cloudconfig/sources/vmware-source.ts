import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import type { SourceMetadata } from "../core/source-metadata.ts";
import {
  answerFrom,
  askVmwareMetadata,
  askVmwareUserData,
  type Dialogue,
  type VmwareUserData,
} from "../core/source-vmware.ts";
import { parseOvfEnvironment } from "../core/source-xml-documents.ts";
import { gunzip, readIfThere } from "../read-user-data.ts";
import { isThere } from "./file-source.ts";
import { askGuestinfo, findGuestinfoProgram, type GuestinfoProgram } from "./guestinfo-program.ts";
import type { HttpGetter } from "./http-getter.ts";
import { AVAILABLE, type Availability, type UserDataSource } from "./source.ts";
import { fetchUrl } from "./url-source.ts";

/** A document with VMware's variables, on the drive that the hypervisor shows the machine. */
export class OvfEnvironmentSource implements UserDataSource {
  readonly type = "vmware";
  readonly mayAppear = false;
  readonly place: string;
  readonly #http: HttpGetter;

  constructor(file: string, http: HttpGetter) {
    this.place = file;
    this.#http = http;
  }

  availability(): Promise<Availability> {
    return isThere(this.place);
  }

  async fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    const asked = answerFrom(askVmwareUserData(), await this.#values());
    return await resolveUserData(asked, this.#http, signal);
  }

  async fetchMetadata(): Promise<SourceMetadata> {
    return answerFrom(askVmwareMetadata(), await this.#values());
  }

  async #values(): Promise<Map<string, string>> {
    const text = new TextDecoder().decode(await readIfThere(this.place));
    return parseOvfEnvironment(text, this.place);
  }
}

export interface GuestinfoOptions {
  readonly http: HttpGetter;
  /** Where the machine's own `sys` is: `/`. */
  readonly machineRoot: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: (line: string) => void;
}

/** VMware's guestinfo variables: in an OVF environment among them if there is one, else each by itself. */
export class GuestinfoSource implements UserDataSource {
  readonly type = "vmware";
  readonly mayAppear = false;
  readonly place = "guestinfo";
  readonly #options: GuestinfoOptions;
  #program: GuestinfoProgram | undefined;

  constructor(options: GuestinfoOptions) {
    this.#options = options;
  }

  async availability(): Promise<Availability> {
    try {
      const path = join(this.#options.machineRoot, "sys/class/dmi/id/sys_vendor");
      const vendor = (await readFile(path, "utf8")).trim();
      if (!vendor.startsWith("VMware"))
        return { available: false, reason: `this machine is made by "${vendor}", not VMware` };
    } catch (error) {
      return { available: false, reason: noFirmware(error) };
    }
    this.#program = await findGuestinfoProgram(this.#options.env);
    if (this.#program !== undefined) return AVAILABLE;
    const reason = "there is neither vmware-rpctool nor vmtoolsd; install open-vm-tools";
    return { available: false, reason };
  }

  async fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    const asked = await this.#lead(askVmwareUserData(), signal);
    return await resolveUserData(asked, this.#options.http, signal);
  }

  fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    return this.#lead(askVmwareMetadata(), signal);
  }

  async #lead<T>(dialogue: Dialogue<T>, signal: AbortSignal): Promise<T> {
    const { report } = this.#options;
    const document = await this.#ask("ovfenv", signal);
    if (document.trim() !== "") {
      report("Using OVF environment from guestinfo");
      return answerFrom(dialogue, parseOvfEnvironment(document, "guestinfo.ovfenv"));
    }
    report("Using guestinfo variables");
    for (let step = dialogue.next(); ; ) {
      if (step.done) return step.value;
      step = dialogue.next(await this.#ask(step.value, signal));
    }
  }

  async #ask(key: string, signal: AbortSignal): Promise<string> {
    this.#program ??= await findGuestinfoProgram(this.#options.env);
    if (this.#program !== undefined) return await askGuestinfo(this.#program, key, signal);
    throw new Fault("SOURCE_FAILED", `Cannot read guestinfo.${key}: install open-vm-tools`);
  }
}

function noFirmware(error: unknown): string {
  return isErrno(error, "ENOENT")
    ? "the firmware does not say who made this machine"
    : reasonOf(error);
}

const ENCODINGS: ReadonlySet<string> = new Set([
  "base64",
  "b64",
  "gzip",
  "gz",
  "gzip+base64",
  "gz+base64",
  "gzip+b64",
  "gz+b64",
]);

async function resolveUserData(
  { encoding, data, url }: VmwareUserData,
  http: HttpGetter,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const octets = url === "" ? Buffer.from(data) : await fetchUrl(url, http, signal);
  if (encoding === "") return octets;
  if (!ENCODINGS.has(encoding)) throw undecodable(encoding, "expected base64 or gzip+base64");
  try {
    const bare = encoding.endsWith("64") ? fromBase64(octets) : octets;
    return encoding.startsWith("gz") ? gunzip(bare) : bare;
  } catch (cause) {
    throw undecodable(encoding, reasonOf(cause), cause);
  }
}

function fromBase64(octets: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(octets);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function undecodable(encoding: string, why: string, cause?: unknown): Fault {
  return new Fault(
    "SOURCE_FAILED",
    `Cannot decode guestinfo.coreos.config.data as "${encoding}": ${why}`,
    { cause },
  );
}
