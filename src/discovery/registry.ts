import { randomBytes } from "node:crypto";
import type { KeyEvent } from "#keys/core/event.ts";
import { isWithin } from "#keys/core/key-path.ts";
import { KeysError, type KeysErrorCode } from "#keys/core/keys-error.ts";
import type { GetOptions, Keys, Reply, WatchOptions } from "#keys/keys.ts";
import { parseRegistration } from "./core/registration.ts";
import { type Gathering, parseSize, planRegistration, type Slot, slotsOf } from "./core/slots.ts";

/** Where the original keeps its tokens, and so every discovery service on an etcd. */
const REGISTRY = "/_etcd/registry";

/** Long enough that whoever came too late reads that it did. */
const SURPLUS_SECONDS = 60;

export interface RegistryOptions {
  readonly keys: Keys;
  /** How long a token lives after its last registration, until its cluster is full; 0: for ever. */
  readonly ttlSeconds: number;
  /** Whether a machine may come back to the slot of its name, or to its own once more. */
  readonly takesOver: boolean;
  /** Whether reads have to ask a majority: the store has several servers, of which some may lag. */
  readonly isCluster: boolean;
}

/** The tokens, in a store of the keys protocol. Of one store at most one registry should take registrations. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #keys: Keys;
  /** What is under way for each token: registrations go one after another. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#keys = options.keys;
  }

  /** A token nobody can guess, for a cluster of `size` members. */
  async newToken(size: number, signal: AbortSignal): Promise<string> {
    const token = randomBytes(16).toString("hex");
    const { ttlSeconds } = this.#options;
    const expiring = ttlSeconds > 0 ? { ttlSeconds } : {};
    const directory = { dir: true, prevExist: false, ...expiring };
    await this.#keys.set(keyOf(token), undefined, directory, signal);
    const sizeKey = keyOf(token, "_config/size");
    await this.#keys.set(sizeKey, String(size), { prevExist: false }, signal);
    return token;
  }

  /** @param below what of the token: `""`, `_config/size` or a member's id */
  get(token: string, below: string, options: GetOptions, signal: AbortSignal): Promise<Reply> {
    const quorum = options.quorum ?? this.#options.isCluster;
    return this.#keys.get(keyOf(token, below), { ...options, quorum }, signal);
  }

  /**
   * Gives a member its slot; rejects with KeysError 105 when it cannot have it.
   * @param entry `overwrites` an entry with the same id
   */
  async register(
    token: string,
    { id, value, overwrites }: { id: string; value: string; overwrites: boolean },
    signal: AbortSignal,
  ): Promise<Reply> {
    const name = parseRegistration(value)?.name ?? "";
    return this.#inTurn(token, async () => {
      const { gathering, index } = await this.#gathering(token, signal);
      const plan = planRegistration(gathering, { id, value, name }, this.#options.takesOver);
      const key = keyOf(token, id);
      switch (plan.kind) {
        case "keep":
          return { event: { action: "create", node: nodeOf(key, plan.slot) }, etcdIndex: index };
        case "refuse":
          if (overwrites && gathering.slots.some((slot) => slot.id === id))
            return this.#keys.set(key, value, {}, signal);
          throw new KeysError(105, plan.cause, index);
        case "surplus": {
          const brief = { prevExist: false, ttlSeconds: SURPLUS_SECONDS };
          return this.#keys.set(key, value, brief, signal);
        }
        case "replace":
          for (const slot of plan.remove) await this.#remove(token, slot, signal);
          return this.#add(token, key, value, plan.fills, signal);
        case "create":
          return this.#add(token, key, value, plan.fills, signal);
        default:
          return plan satisfies never;
      }
    });
  }

  /** Writes over an entry that is there. */
  async overwrite(
    token: string,
    id: string,
    value: string,
    conditions: { readonly prevValue?: string; readonly prevIndex?: number },
    signal: AbortSignal,
  ): Promise<Reply> {
    return this.#keys.set(keyOf(token, id), value, { prevExist: true, ...conditions }, signal);
  }

  async remove(
    token: string,
    id: string,
    conditions: { readonly prevValue?: string; readonly prevIndex?: number },
    signal: AbortSignal,
  ): Promise<Reply> {
    return this.#keys.delete(keyOf(token, id), conditions, signal);
  }

  /**
   * The next new member, or what becomes of one; undefined when members changed in a way that a client of the protocol
   * cannot follow, since it counts every event as one more member: it has to list them again.
   */
  async change(
    token: string,
    below: string,
    options: WatchOptions,
    signal: AbortSignal,
  ): Promise<KeyEvent | undefined> {
    const directory = keyOf(token);
    const key = keyOf(token, below);
    await this.get(token, "", {}, signal); // an unknown token is not waited for
    const { fromIndex } = options;
    const isOne = key !== directory;
    if (isOne && fromIndex !== undefined) {
      const { node } = (await this.get(token, below, {}, signal).catch(unless(100)))?.event ?? {};
      if (node && !node.dir && node.modifiedIndex >= fromIndex) return { action: "set", node };
    }
    try {
      for await (const event of this.#keys.watch(key, options, signal)) {
        if (isOne) return event;
        const isGone = !isWithin(directory, event.node.key) || event.prevNode !== undefined;
        if (event.node.key !== directory) return isGone ? undefined : event;
        if (event.action === "delete" || event.action === "expire") return undefined;
        // else its time to live was set anew
      }
    } catch (error) {
      if (isOne || !(error instanceof KeysError) || error.code !== 401) throw error;
    }
    return undefined;
  }

  /** Rejects when the store cannot write. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#keys.get(REGISTRY, { quorum: true }, signal).catch(unless(100));
  }

  async #gathering(token: string, signal: AbortSignal) {
    const config = await this.get(token, "_config/size", {}, signal);
    const size = parseSize(config.event.node.value ?? "") ?? 0;
    const { event, etcdIndex: index } = await this.get(token, "", {}, signal);
    const gathering: Gathering = { size, slots: slotsOf(event.node) };
    return { gathering, index };
  }

  async #add(
    token: string,
    key: string,
    value: string,
    fills: boolean,
    signal: AbortSignal,
  ): Promise<Reply> {
    const reply = await this.#keys.set(key, value, { prevExist: false }, signal);
    const { ttlSeconds } = this.#options;
    if (ttlSeconds > 0) {
      const lifetime = fills ? {} : { ttlSeconds };
      const options = { dir: true, prevExist: true, ...lifetime };
      await this.#keys.set(keyOf(token), undefined, options, signal);
    }
    return reply;
  }

  async #remove(token: string, slot: Slot, signal: AbortSignal): Promise<void> {
    const seen = { prevIndex: slot.modifiedIndex };
    await this.#keys.delete(keyOf(token, slot.id), seen, signal).catch(unless(100, 101));
  }

  async #inTurn<T>(token: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(token);
    const turn = (before ?? Promise.resolve()).then(work, work);
    this.#turns.set(token, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(token) === turn) this.#turns.delete(token);
    }
  }
}

function keyOf(token: string, below = ""): string {
  return below === "" ? `${REGISTRY}/${token}` : `${REGISTRY}/${token}/${below}`;
}

function nodeOf(key: string, { value, modifiedIndex, createdIndex }: Slot) {
  return { key, value, modifiedIndex, createdIndex };
}

function unless(...codes: readonly KeysErrorCode[]): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof KeysError) || !codes.includes(error.code)) throw error;
    return undefined;
  };
}
