import { lstat, readlink, rm, statfs, symlink } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { pathInRoot } from "#cloudconfig/root-path.ts";
import { USER_DATA } from "#machines/core/base-tree.ts";
import {
  CONTAINER_LINKS,
  type ContainerFacts,
  containerTree,
} from "#machines/core/container-tree.ts";

const OVERLAYFS_MAGIC = 0x794c7630; // statfs(2)
const JOURNAL = "var/log/journal";

/** A container's directory on this computer. */
export class ContainerDisk {
  /** What it has of its own, over its base tree; its journal and user-data too. */
  readonly upper: string;
  /** Where the two lie over each other, in the mount namespace of its boot. */
  readonly root: string;
  readonly work: string;
  /** What its boots said. */
  readonly console: string;
  readonly userData: string;
  readonly journal: string;
  /** The private halves of its host keys are on its disk. */
  readonly knownHosts: string;
  readonly process: string;
  /** The name of its link on this computer. */
  readonly link: string;

  constructor(directory: string) {
    this.upper = join(directory, "disk");
    this.root = join(directory, "root");
    this.work = join(directory, "work");
    this.console = join(directory, "console.log");
    this.knownHosts = join(directory, "known_hosts");
    this.process = join(directory, "process");
    this.link = join(directory, "link");
    this.userData = join(this.upper, USER_DATA);
    this.journal = join(this.upper, JOURNAL);
    this.volumes = Object.fromEntries(
      VOLUMES.map((path) => [path, join(directory, "volumes", path)]),
    );
  }

  /** Directories of it that are no overlay, by their path inside: engines for OCI containers make overlays there. */
  readonly volumes: Readonly<Record<string, string>>;

  /**
   * Writes what it brings along; what it has of its own stays. For a machine that is off. Links on its disk are
   * followed as it would itself: they lead nowhere on this computer.
   * @throws {Fault} FILE_UNWRITABLE
   */
  async layOut(facts: ContainerFacts): Promise<void> {
    for (const path of [this.root, this.work, this.upper, ...Object.values(this.volumes)])
      this.#make(path);
    await this.#checkFilesystem();
    const journal = await pathInRoot(this.upper, JOURNAL);
    if (!(await isLink(journal))) this.#make(journal);
    for (const { path, content } of containerTree(facts))
      await writeFileAtomic(await pathInRoot(this.upper, path), content);
    for (const [path, target] of Object.entries(CONTAINER_LINKS))
      await link(target, await pathInRoot(this.upper, path));
  }

  /** For a machine that is off. @throws {Fault} FILE_UNWRITABLE */
  async writeUserData(text: string): Promise<void> {
    this.#make(this.upper);
    await writeFileAtomic(await pathInRoot(this.upper, USER_DATA), text);
  }

  #make(path: string): void {
    try {
      makeDirectory(path, 0o755);
    } catch (cause) {
      throw new Fault(
        "FILE_UNWRITABLE",
        `Cannot make ${path}: ${reasonOf(cause)}; set KEELSON_STATE to a directory of yours`,
        { cause },
      );
    }
  }

  async #checkFilesystem(): Promise<void> {
    if ((await statfs(this.upper)).type !== OVERLAYFS_MAGIC) return;
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot keep a container's disk in ${this.upper}: it lies on an overlay itself; set KEELSON_STATE to a directory on a disk or a tmpfs, such as a volume`,
    );
  }
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true;
}

/** Of podman and Docker. */
const VOLUMES = ["/var/lib/containers", "/var/lib/docker"];

async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return;
  makeDirectory(join(path, ".."), 0o755);
  await rm(path, { force: true });
  await symlink(target, path);
}
