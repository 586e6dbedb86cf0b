import type { Command } from "#keys/core/command.ts";
import type { Action } from "#keys/core/event.ts";
import { isHiddenName } from "#keys/core/key-path.ts";
import type { KeysErrorCode } from "#keys/core/keys-error.ts";
import { isDone, type Outcome, type Refusal } from "#keys/core/outcome.ts";
import type { StoreStats } from "#keys/core/store-stats.ts";
import { type NodeRecord, type StoreNode, Tree } from "#keys/core/tree.ts";
import { viewNode } from "#keys/core/view.ts";

type AuthCommand = Extract<Command, { readonly op: "auth" }>;

/** Where etcd keeps them, beside the clients' tree. */
export const AUTH_DIRECTORIES = ["/2", "/2/users", "/2/roles"] as const;
export const ENABLED = "/2/enabled";
export const userKey = (name: string): string => `/2/users/${name}`;
export const roleKey = (name: string): string => `/2/roles/${name}`;

/** What is known of users, roles and whether authentication is on. */
export interface AuthView {
  readonly isEnabled: boolean;
  /** The JSON of a record, undefined when there is none. */
  read(key: string): string | undefined;
  /** The names in a directory, without those that begin with `_`, as etcd lists them. */
  names(directory: "/2/users" | "/2/roles"): string[];
}

/**
 * The records of authentication as a part of the store: they take indices and slots of history as any change, and no
 * client's request or watch comes at them.
 */
export class AuthRecords implements AuthView {
  readonly #tree = new Tree();
  #isEnabled: boolean;

  constructor(records: readonly NodeRecord[] = []) {
    this.#tree.restore(records);
    this.#isEnabled = this.read(ENABLED) === "true";
  }

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  read(key: string): string | undefined {
    const node = this.#tree.find(key);
    return node?.children ? undefined : node?.value;
  }

  names(directory: "/2/users" | "/2/roles"): string[] {
    const children = [...(this.#tree.find(directory)?.children ?? [])];
    return children
      .filter(({ key }) => !isHiddenName(key))
      .map(({ key }) => key.slice(directory.length + 1));
  }

  /** All of them, in an order that is equal on every server. */
  get records(): readonly NodeRecord[] {
    return [...this.#tree.snapshot()];
  }

  /** Does what the command says and counts it; a change has the index after `index`. */
  apply(command: AuthCommand, index: number, stats: StoreStats): Outcome {
    const outcome = this.#apply(command, index);
    const { act } = command;
    const what = act === "get" ? "gets" : act;
    stats[isDone(outcome) ? (`${what}Success` as const) : (`${what}Fail` as const)] += 1;
    this.#isEnabled = this.read(ENABLED) === "true";
    return outcome;
  }

  #apply(command: AuthCommand, index: number): Outcome {
    const { key } = command;
    const node = this.#tree.find(key);
    const refuse = (code: KeysErrorCode, cause: string): Refusal => ({ code, cause, index });
    const miss = node ? undefined : this.#tree.missAt(key);
    if (command.act === "create") {
      if (node) return refuse(105, key);
      if (miss?.code === 104) return refuse(104, miss.key);
      return changed("create", this.#tree.add(key, index + 1, command.value, undefined), index + 1);
    }
    if (node === undefined || miss) return refuse(miss?.code ?? 100, miss?.key ?? key);
    if (command.act === "get") return changed("get", node, index);
    if (node.children) return refuse(102, key);
    switch (command.act) {
      case "update":
        if (command.ifIndex !== undefined && command.ifIndex !== node.modifiedIndex)
          return refuse(101, `[${command.ifIndex} != ${node.modifiedIndex}]`);
        this.#tree.write(node, command.value, index + 1);
        return changed("update", node, index + 1);
      case "delete":
        this.#tree.remove(node);
        return changed("delete", { ...node, modifiedIndex: index + 1 }, index + 1);
      default:
        return command satisfies never;
    }
  }
}

function changed(action: Action, node: StoreNode, index: number): Outcome {
  return { event: { action, node: viewNode(node, 0) }, index };
}
