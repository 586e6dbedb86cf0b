import type { Registration } from "./registration.ts";
import type { Gathering, Slot } from "./slots.ts";

/** Members by name, each with its peer URLs: what etcd's setting initial-cluster says. */
export type Cluster = ReadonlyMap<string, readonly string[]>;

/** What a machine that starts does first. */
export type Arrival =
  /** It is registered: its earlier start got that far. */
  | { readonly kind: "known" }
  | { readonly kind: "full" }
  /** Register; `remove` hold its name or its id from an earlier life. */
  | { readonly kind: "register"; readonly remove: readonly Slot[] };

/** Who registers: etcd's id of the member, and its entry. */
export interface Own {
  readonly id: string;
  readonly value: string;
  readonly name: string;
}

export function planArrival({ size, slots }: Gathering, own: Own): Arrival {
  const members = slots.slice(0, size);
  if (members.some((slot) => slot.id === own.id && slot.value === own.value))
    return { kind: "known" };
  const remove = slots.filter(
    (slot) => slot.id === own.id || (members.includes(slot) && hasName(slot, own.name)),
  );
  const frees = remove.some((slot) => members.includes(slot));
  return members.length >= size && !frees ? { kind: "full" } : { kind: "register", remove };
}

/** How far a machine that is registered, or only looks on, has come. */
export type Progress =
  | { readonly kind: "complete"; readonly cluster: Cluster }
  | { readonly kind: "waiting"; readonly names: readonly string[]; readonly missing: number }
  /** Its own entry came too late. */
  | { readonly kind: "full"; readonly cluster: Cluster }
  /** What stands there can never become a cluster. */
  | { readonly kind: "hopeless"; readonly why: string };

/** @param own undefined for one who only looks on */
export function judgeProgress({ size, slots }: Gathering, own: Own | undefined): Progress {
  const members = slots.slice(0, size);
  const read = readMembers(members);
  if (typeof read === "string") return { kind: "hopeless", why: read };
  const cluster = new Map(read.map(({ name, peerURLs }) => [name, peerURLs]));
  if (own !== undefined && !members.some((slot) => slot.id === own.id)) {
    if (slots.some((slot) => slot.id === own.id)) return { kind: "full", cluster };
    const other = members.find((slot) => hasName(slot, own.name));
    const why = other
      ? `another machine, ${other.registration?.peerURLs.join(", ")}, registered as ${own.name} meanwhile; give each machine a name of its own`
      : `its entry of ${own.name} was removed meanwhile; start again`;
    return { kind: "hopeless", why };
  }
  const missing = size - members.length;
  if (missing > 0) return { kind: "waiting", names: [...cluster.keys()], missing };
  return { kind: "complete", cluster };
}

function hasName({ registration }: Slot, name: string): boolean {
  return registration?.name === name;
}

/** What the members told of themselves, or why that cannot be used. */
function readMembers(members: readonly Slot[]): Registration[] | string {
  const seen = new Map<string, Slot>();
  const read: Registration[] = [];
  for (const slot of members) {
    const { registration } = slot;
    if (registration === undefined)
      return `its entry ${slot.id} is "${slot.value.slice(0, 200)}", expected NAME=PEER-URL; remove it or ask for a new URL`;
    const before = seen.get(registration.name);
    if (before)
      return `two machines there are called ${registration.name}, ${before.id} and ${slot.id}; give each a name of its own and ask for a new URL`;
    seen.set(registration.name, slot);
    read.push(registration);
  }
  return read;
}
