import { globMatcher } from "#unitfile/core/glob.ts";
import { expandMachineSpecifiers } from "#unitfile/core/specifiers.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { SetMap } from "./set-map.ts";
import type { Unit } from "./unit.ts";

/** Stands for every machine where a name that depends on the machine is looked for. */
const ANY_MACHINE = { id: "*", facts: { hostName: "*" } };

/** Units by what they ask, so that it need not be looked for among all of them. */
export class UnitIndex {
  readonly #globals = new Set<UnitName>();
  readonly #limiting = new Set<UnitName>();
  readonly #timed = new Set<UnitName>();
  readonly #followers = new SetMap<string, UnitName>();
  /** Units that follow whatever matches one of their globs, by how what matches begins. */
  readonly #globFollowers = new SetMap<string, UnitName>();
  readonly #globs = new Map<UnitName, readonly PeerGlob[]>();
  /** Lengths of those beginnings. */
  readonly #prefixLengths = new Map<number, number>();

  get globals(): ReadonlySet<UnitName> {
    return this.#globals;
  }

  get limiting(): ReadonlySet<UnitName> {
    return this.#limiting;
  }

  get timed(): ReadonlySet<UnitName> {
    return this.#timed;
  }

  followers(peer: UnitName): ReadonlySet<UnitName> {
    const exact = this.#followers.get(peer);
    if (this.#globs.size === 0) return exact;
    const more: UnitName[] = [];
    for (const length of this.#prefixLengths.keys())
      for (const follower of this.#globFollowers.get(peer.slice(0, length)))
        if (follower !== peer && this.#globs.get(follower)?.some(({ matches }) => matches(peer)))
          more.push(follower);
    return more.length === 0 ? exact : new Set([...exact, ...more]);
  }

  add({ name, isTemplate, wants }: Unit): void {
    if (wants.global && !isTemplate) this.#globals.add(name);
    if (wants.maxPerMachine.length > 0) this.#limiting.add(name);
    if (wants.timer !== undefined) this.#timed.add(name);
    const globs = wants.machineOf.filter(isPeerGlob).map(peerGlob);
    if (globs.length > 0) this.#globs.set(name, globs);
    for (const { prefix } of globs) {
      this.#globFollowers.add(prefix, name);
      this.#countLength(prefix.length, 1);
    }
    for (const peer of wants.machineOf) if (!isPeerGlob(peer)) this.#followers.add(peer, name);
  }

  remove({ name, wants }: Unit): void {
    this.#globals.delete(name);
    this.#limiting.delete(name);
    this.#timed.delete(name);
    for (const { prefix } of this.#globs.get(name) ?? []) {
      this.#globFollowers.delete(prefix, name);
      this.#countLength(prefix.length, -1);
    }
    this.#globs.delete(name);
    for (const peer of wants.machineOf) this.#followers.delete(peer, name);
  }

  #countLength(length: number, by: 1 | -1): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + by;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}

/** What a value of MachineOf means that is a glob, or depends on the machine. */
export interface PeerGlob {
  /** What every name begins with that may be meant. */
  readonly prefix: string;
  /** Whether a unit is one that may be meant on some machine. */
  readonly matches: (name: string) => boolean;
}

/** Whether a value of MachineOf may mean more than one unit: by a glob, or by its machine. */
export function isPeerGlob(peer: string): boolean {
  return /[*?[%]/.test(peer);
}

export function peerGlob(peer: string): PeerGlob {
  const glob = expandMachineSpecifiers(peer, ANY_MACHINE);
  return { prefix: /^[^*?[\\]*/.exec(glob)![0], matches: globMatcher(glob) };
}
