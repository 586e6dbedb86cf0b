import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { pathInRoot } from "#cloudconfig/root-path.ts";

const run = promisify(execFile);

const HOST_KEY = "etc/ssh/ssh_host_ed25519_key";

/** Makes a key pair unless it is there; the public half, a line as in authorized_keys(5). @throws {Fault} SYSTEMD_FAILED */
export async function ensureKeyPair(
  path: string,
  comment: string,
  pathOfTools: string,
): Promise<string> {
  if (!existsSync(`${path}.pub`)) {
    makeDirectory(dirname(path), 0o755);
    const made = `${path}.new`;
    await rm(made, { force: true });
    await rm(`${made}.pub`, { force: true });
    const args = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", made];
    try {
      await run("ssh-keygen", args, { env: { PATH: pathOfTools } });
    } catch (cause) {
      throw new Fault("SYSTEMD_FAILED", `Cannot make an ssh key: ${reasonOf(cause).trim()}`, {
        cause,
      });
    }
    await rename(made, path);
    await rename(`${made}.pub`, `${path}.pub`); // last: with it the pair is whole
  }
  return readFile(`${path}.pub`, "utf8");
}

/** Gives a machine host keys of its own and notes the public one, so that ssh(1) knows it from the first time on. */
export async function ensureHostKey(
  disk: { readonly upper: string; readonly knownHosts: string },
  machine: { readonly name: string; readonly address: string },
  pathOfTools: string,
): Promise<void> {
  const path = await pathInRoot(disk.upper, HOST_KEY);
  const key = await ensureKeyPair(path, `root@${machine.name}`, pathOfTools);
  const [type = "", text = ""] = key.split(" ");
  await writeFileAtomic(disk.knownHosts, `${machine.address},${machine.name} ${type} ${text}\n`);
}
