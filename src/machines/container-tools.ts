import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";

const run = promisify(execFile);

/** Programs that containers need, and Debian's packages with them. */
const TOOLS: Readonly<Record<string, string>> = {
  "systemd-nspawn": "systemd-container",
  mmdebstrap: "mmdebstrap",
  ip: "iproute2",
  "ssh-keygen": "openssh-client",
  unshare: "util-linux",
  nsenter: "util-linux",
  flock: "util-linux",
  setpriv: "util-linux",
};

const SYSTEM_DIRECTORIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where programs are looked for: the user's PATH, and where a PATH without root's directories has none of them. */
export function toolPath(env: Readonly<Record<string, string | undefined>>): string {
  return env["PATH"] ? `${env["PATH"]}:${SYSTEM_DIRECTORIES}` : SYSTEM_DIRECTORIES;
}

/** @throws {Fault} SYSTEMD_MISSING when this computer cannot have containers, saying what to do. */
export function checkContainerTools(path: string): void {
  if (process.getuid?.() !== 0)
    throw new Fault(
      "SYSTEMD_MISSING",
      "Cannot make containers as this user: only root may; run the command as root (sudo), or make machines of the process provider, which need no root",
    );
  const missing = Object.keys(TOOLS).filter((tool) => !isOnPath(tool, path));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => TOOLS[tool]))].join(" ");
  throw new Fault(
    "SYSTEMD_MISSING",
    `Cannot make containers: ${missing.join(", ")} ${missing.length > 1 ? "are" : "is"} not installed on this computer; install them (as root: script/setup containers, or apt-get install ${packages})`,
  );
}

/**
 * Makes a directory that only root may search, as systemd has /var/lib/machines: ids inside a container are this
 * computer's, so that a program on its disk that is setuid would give root to any user here who reaches it.
 */
export async function keepPrivate(directory: string): Promise<void> {
  makeDirectory(directory, 0o700);
  await chmod(directory, 0o700);
}

function isOnPath(tool: string, path: string): boolean {
  return path.split(delimiter).some((directory) => existsSync(join(directory, tool)));
}

/** Runs ip(8) with root's PATH. @throws {Fault} SYSTEMD_FAILED */
export async function ip(...args: string[]): Promise<string> {
  try {
    return (await run("ip", args, { env: { PATH: SYSTEM_DIRECTORIES } })).stdout;
  } catch (cause) {
    throw new Fault(
      "SYSTEMD_FAILED",
      `Cannot run ip ${args.join(" ")}: ${reasonOf(cause).trim()}`,
      {
        cause,
      },
    );
  }
}
