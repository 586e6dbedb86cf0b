import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { Fault, reasonOf } from "#base/fault.ts";

/** Programs of open-vm-tools that ask the hypervisor, and how each takes its command. */
const PROGRAMS = [
  { name: "vmware-rpctool", before: [] },
  { name: "vmtoolsd", before: ["--cmd"] },
] as const;
/** Where CoreOS images of VMware had theirs. */
const OEM_BIN = "/usr/share/oem/bin";
const ANSWER_MS = 10_000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

export interface GuestinfoProgram {
  readonly path: string;
  readonly before: readonly string[];
}

/** The program that reads guestinfo variables on this machine. */
export async function findGuestinfoProgram(
  env: Readonly<Record<string, string | undefined>>,
): Promise<GuestinfoProgram | undefined> {
  const directories = [...(env["PATH"] ?? "").split(delimiter), OEM_BIN].filter(Boolean);
  for (const { name, before } of PROGRAMS)
    for (const directory of directories) {
      const path = join(directory, name);
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return { path, before };
    }
  return undefined;
}

/**
 * The value of `guestinfo.KEY`; empty when it is not set.
 * @throws {Fault} SOURCE_FAILED
 */
export function askGuestinfo(
  { path, before }: GuestinfoProgram,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(
    path,
    [...before, `info-get guestinfo.${key}`],
    { signal, timeout: ANSWER_MS, maxBuffer: ANSWER_BYTES_MAX },
    (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout.replace(/\n$/, ""));
      if (signal.aborted) return reject(signal.reason);
      if (/no value found/i.test(stderr)) return resolve("");
      const why = stderr.trim() || reasonOf(cause);
      reject(
        new Fault("SOURCE_FAILED", `Cannot read guestinfo.${key} by ${path}: ${why}`, { cause }),
      );
    },
  );
  return promise;
}
