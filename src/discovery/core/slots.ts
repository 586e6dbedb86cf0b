import type { KeyNode } from "#keys/core/event.ts";
import { parseRegistration, type Registration } from "./registration.ts";

/** One member's entry under a token. */
export interface Slot {
  /** The last part of its key; etcd's id of the member. */
  readonly id: string;
  readonly value: string;
  /** undefined when the value is of no known form. */
  readonly registration: Registration | undefined;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
}

/** A cluster that forms: how many members it shall have, and who has come so far. */
export interface Gathering {
  readonly size: number;
  /** In the order they came. The first `size` are the members, whoever came later is too many. */
  readonly slots: readonly Slot[];
}

/** The most members that a cluster may be asked for; the original's own tests go as far. */
export const SIZE_MAX = 100;

/** The number of members that `text` asks for; undefined when it is none, or not of 1 to 100. */
export function parseSize(text: string): number | undefined {
  const size = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return size >= 1 && size <= SIZE_MAX ? size : undefined;
}

/** The entries in the listing of a token's directory, in the order they came. */
export function slotsOf(directory: KeyNode): Slot[] {
  const slots: Slot[] = [];
  for (const { key, value, dir, createdIndex, modifiedIndex } of directory.nodes ?? []) {
    const id = key.slice(key.lastIndexOf("/") + 1);
    if (dir || value === undefined || id.startsWith("_")) continue;
    const registration = parseRegistration(value);
    slots.push({ id, value, registration, createdIndex, modifiedIndex });
  }
  return slots.toSorted((a, b) => a.createdIndex - b.createdIndex);
}

/** What a registration comes to. */
export type RegistrationPlan =
  /** It is there already. */
  | { readonly kind: "keep"; readonly slot: Slot }
  | { readonly kind: "refuse"; readonly cause: string }
  /** `remove` make room: the entry with this name, and who was too many. */
  | { readonly kind: "replace"; readonly remove: readonly Slot[]; readonly fills: boolean }
  /** `fills` when it is the last one that was waited for. */
  | { readonly kind: "create"; readonly fills: boolean }
  /** Too many: it is listed for a moment only, so that it learns that the cluster is full. */
  | { readonly kind: "surplus" };

/** @param takesOver whether a machine may come back to the slot of its name, or to its own once more */
export function planRegistration(
  { size, slots }: Gathering,
  own: { readonly id: string; readonly value: string; readonly name: string },
  takesOver: boolean,
): RegistrationPlan {
  const same = slots.find((slot) => slot.id === own.id);
  if (same) {
    if (takesOver && same.value === own.value) return { kind: "keep", slot: same };
    return { kind: "refuse", cause: `${own.id} is registered` };
  }
  const namesake = slots.slice(0, size).find((slot) => slot.registration?.name === own.name);
  if (namesake && !takesOver)
    return { kind: "refuse", cause: `${own.name} is registered, as ${namesake.id}` };
  if (namesake) {
    const remove = [namesake, ...slots.slice(size).filter((slot) => slot !== namesake)];
    return { kind: "replace", remove, fills: slots.length - remove.length + 1 >= size };
  }
  if (slots.length >= size) return { kind: "surplus" };
  return { kind: "create", fills: slots.length + 1 === size };
}
