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
  readonly #followers = new SetMap<string, UnitName>();
  /** Units that follow whatever matches one of their globs. */
  readonly #globFollowers = new Map<UnitName, readonly ((peer: string) => boolean)[]>();

  get globals(): ReadonlySet<UnitName> {
    return this.#globals;
  }

  get limiting(): ReadonlySet<UnitName> {
    return this.#limiting;
  }

  followers(peer: UnitName): ReadonlySet<UnitName> {
    const exact = this.#followers.get(peer);
    if (this.#globFollowers.size === 0) return exact;
    const more: UnitName[] = [];
    for (const [follower, globs] of this.#globFollowers)
      for (const matches of globs) if (matches(peer) && follower !== peer) more.push(follower);
    return more.length === 0 ? exact : new Set([...exact, ...more]);
  }

  add({ name, isTemplate, wants }: Unit): void {
    if (wants.global && !isTemplate) this.#globals.add(name);
    if (wants.maxPerMachine.length > 0) this.#limiting.add(name);
    const globs = wants.machineOf.filter(isPeerGlob).map(anyPeer);
    if (globs.length > 0) this.#globFollowers.set(name, globs);
    for (const peer of wants.machineOf) if (!isPeerGlob(peer)) this.#followers.add(peer, name);
  }

  remove({ name, wants }: Unit): void {
    this.#globals.delete(name);
    this.#limiting.delete(name);
    this.#globFollowers.delete(name);
    for (const peer of wants.machineOf) this.#followers.delete(peer, name);
  }
}

/** Whether a value of MachineOf may mean more than one unit: by a glob, or by its machine. */
export function isPeerGlob(peer: string): boolean {
  return /[*?[%]/.test(peer);
}

/** Whether a unit is one that the value may mean on some machine. */
export function anyPeer(peer: string): (name: string) => boolean {
  return globMatcher(expandMachineSpecifiers(peer, ANY_MACHINE));
}
