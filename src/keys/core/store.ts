import { AuthRecords, type AuthView } from "#keys/core/auth-records.ts";
import type { Command } from "#keys/core/command.ts";
import type { Action, KeyEvent, KeyNode } from "#keys/core/event.ts";
import { concerns, History, type Interest } from "#keys/core/history.ts";
import type { KeysErrorCode } from "#keys/core/keys-error.ts";
import { isDone, type Outcome, type Refusal } from "#keys/core/outcome.ts";
import { newStoreStats, type StoreStats } from "#keys/core/store-stats.ts";
import { type StoreNode, Tree } from "#keys/core/tree.ts";
import { viewNode, viewTree } from "#keys/core/view.ts";
import { type Watcher, WatcherHub } from "#keys/core/watcher-hub.ts";

type Op<Name extends Command["op"]> = Extract<Command, { readonly op: Name }>;

/** A new etcd has written its own records before its first client comes: its member and its version. */
const FIRST_INDEX = 3;

/** etcd takes a time before this one for none (etcd v2 store, minExpireTime: 2000-01-01). */
const EXPIRES_MIN_MS = 946_684_800_000;

/** Everything of the store that outlives the process; watchers do not. */
export interface StoreParts {
  readonly index: number;
  readonly history: History;
  readonly stats: StoreStats;
  readonly tree: Tree;
  readonly auth: AuthRecords;
}

/**
 * etcd v2's store as a deterministic state machine: the same commands in the same order make the same tree, indices
 * and history on every server. Time comes in with the commands.
 */
export class Store {
  #index: number;
  readonly #tree: Tree;
  readonly #history: History;
  readonly #stats: StoreStats;
  readonly #auth: AuthRecords;
  readonly #watchers = new WatcherHub();

  constructor(
    parts: StoreParts = {
      index: FIRST_INDEX,
      history: new History(
        1,
        Array.from({ length: FIRST_INDEX }, () => undefined),
      ),
      stats: { ...newStoreStats(), createSuccess: 1, setsSuccess: 2 },
      tree: new Tree(),
      auth: new AuthRecords(),
    },
  ) {
    this.#index = parts.index;
    this.#tree = parts.tree;
    this.#history = parts.history;
    this.#stats = parts.stats;
    this.#auth = parts.auth;
  }

  /** Counts changes: `X-Etcd-Index`. */
  get index(): number {
    return this.#index;
  }

  get parts(): StoreParts {
    return {
      index: this.#index,
      history: this.#history,
      stats: this.#stats,
      tree: this.#tree,
      auth: this.#auth,
    };
  }

  get auth(): AuthView {
    return this.#auth;
  }

  get watcherCount(): number {
    return this.#watchers.count;
  }

  /** When the next key ends, in wall milliseconds; undefined when none will. */
  get nextExpiryMs(): number | undefined {
    return this.#tree.expiry.top()?.expiresMs;
  }

  /** Does what the command says. A sync has no outcome. */
  apply(command: Command): Outcome | undefined {
    switch (command.op) {
      case "get":
        return this.get(command.key, command, command.timeMs);
      case "set":
        return this.#set(command);
      case "create":
        return this.#create(command);
      case "update":
        return this.#update(command);
      case "compareAndSwap":
        return this.#compareAndSwap(command);
      case "delete":
        return this.#delete(command);
      case "compareAndDelete":
        return this.#compareAndDelete(command);
      case "auth":
        return this.#applyAuth(command);
      case "sync":
        this.#expire(command.timeMs);
        return undefined;
      default:
        return command satisfies never;
    }
  }

  get(
    key: string,
    options: { readonly recursive: boolean; readonly sorted: boolean },
    nowMs: number,
  ): Outcome {
    const node = this.#tree.find(key);
    if (node === undefined) {
      this.#stats.getsFail += 1;
      return this.#missed(key);
    }
    this.#stats.getsSuccess += 1;
    return { event: { action: "get", node: viewTree(node, options, nowMs) }, index: this.#index };
  }

  /**
   * Calls `notify` with the first event at or after `fromIndex` (undefined: the next), at once when history has it.
   * Returns how to give up, or why it cannot be.
   */
  watchOnce(
    interest: Interest,
    fromIndex: number | undefined,
    notify: (event: KeyEvent) => void,
  ): Refusal | (() => void) {
    const since = fromIndex ?? this.#index + 1;
    if (since < this.#history.start) return this.#cleared(since);
    const past = this.#history.first(interest, since);
    if (past === undefined) return this.#addWatcher({ ...interest, since, once: true, notify });
    notify(past);
    return () => {};
  }

  /** Calls `notify` with every event from `fromIndex` on, those of the past at once, until given up. */
  watchAll(
    interest: Interest,
    fromIndex: number | undefined,
    notify: (event: KeyEvent) => void,
  ): Refusal | (() => void) {
    const since = fromIndex ?? this.#index + 1;
    if (since < this.#history.start) return this.#cleared(since);
    for (const event of this.#history.from(since))
      if (event !== undefined && concerns(interest, event)) notify(event);
    return this.#addWatcher({ ...interest, since, once: false, notify });
  }

  #addWatcher(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.remove(watcher);
  }

  #cleared(index: number): Refusal {
    return this.#refuse(
      401,
      `the requested history has been cleared [${this.#history.start}/${index}]`,
    );
  }

  #set(command: Op<"set">): Outcome {
    const { key, dir, timeMs, refresh } = command;
    const before = this.#tree.find(key);
    const refusal = this.#cannotSet(command, before);
    if (refusal) {
      this.#stats.setsFail += 1;
      return refusal;
    }
    const prevNode = before && viewNode(before, timeMs);
    const value = refresh && before ? before.value : command.value;
    const expiresMs = meantExpiry(command.expiresMs);
    const [index, content] = [this.#index + 1, dir ? undefined : value];
    const node = before
      ? this.#tree.replace(before, index, content, expiresMs)
      : this.#tree.add(key, index, content, expiresMs);
    this.#stats.setsSuccess += 1;
    return this.#changed("set", viewNode(node, timeMs), { prevNode, refresh });
  }

  #cannotSet({ key, refresh }: Op<"set">, before: StoreNode | undefined): Refusal | undefined {
    if (key === "") return this.#refuse(107, "/");
    if (before) return before.children && this.#refuse(102, key);
    const miss = this.#tree.missAt(key);
    return miss.code === 104 || refresh ? this.#missed(key) : undefined;
  }

  #create(command: Op<"create">): Outcome {
    const { dir, inOrder, timeMs } = command;
    const index = this.#index + 1;
    const key = inOrder ? `${command.key}/${String(index).padStart(20, "0")}` : command.key;
    const refusal = this.#cannotCreate(key);
    if (refusal) {
      this.#stats.createFail += 1;
      return refusal;
    }
    const expiresMs = meantExpiry(command.expiresMs);
    const node = this.#tree.add(key, index, dir ? undefined : command.value, expiresMs);
    this.#stats.createSuccess += 1;
    return this.#changed("create", viewNode(node, timeMs));
  }

  #cannotCreate(key: string): Refusal | undefined {
    if (key === "") return this.#refuse(107, "/");
    if (this.#tree.find(key)) return this.#refuse(105, key);
    if (this.#tree.missAt(key).code === 100) return undefined;
    this.#stats.setsFail += 1; // etcd counts this one twice
    return this.#missed(key);
  }

  #update(command: Op<"update">): Outcome {
    const { key, timeMs, refresh } = command;
    if (key === "") return this.#counted("updateSuccess", this.#refuse(107, "/"));
    const node = this.#tree.find(key);
    if (node === undefined) return this.#counted("updateFail", this.#missed(key));
    if (node.children && command.value !== "")
      return this.#counted("updateSuccess", this.#refuse(102, key));
    const prevNode = viewNode(node, timeMs);
    const value = refresh ? node.value : command.value;
    const index = this.#index + 1;
    this.#tree.write(node, value, index);
    this.#tree.setExpiry(node, command.expiresMs);
    this.#stats.updateSuccess += 1;
    const now = { ...viewNode(node, timeMs), modifiedIndex: index };
    return this.#changed("update", now, { prevNode, refresh });
  }

  #compareAndSwap(command: Op<"compareAndSwap">): Outcome {
    const { key, timeMs, refresh } = command;
    if (key === "") return this.#counted("compareAndSwapSuccess", this.#refuse(107, "/"));
    const node = this.#tree.find(key);
    const refusal = this.#cannotCompare(key, node, command);
    if (refusal || !node) return this.#counted("compareAndSwapFail", refusal ?? this.#missed(key));
    const prevNode = viewNode(node, timeMs);
    this.#tree.write(node, refresh ? node.value : command.value, this.#index + 1);
    this.#tree.setExpiry(node, command.expiresMs);
    this.#stats.compareAndSwapSuccess += 1;
    return this.#changed("compareAndSwap", viewNode(node, timeMs), { prevNode, refresh });
  }

  #delete(command: Op<"delete">): Outcome {
    const { key, recursive, timeMs } = command;
    if (key === "") return this.#counted("deleteSuccess", this.#refuse(107, "/"));
    const node = this.#tree.find(key);
    if (node === undefined) return this.#counted("deleteFail", this.#missed(key));
    if (node.children && !recursive) {
      if (!command.dir) return this.#counted("deleteFail", this.#refuse(102, key));
      if (node.children.size > 0) return this.#counted("deleteFail", this.#refuse(108, key));
    }
    this.#stats.deleteSuccess += 1;
    return this.#removed("delete", node, timeMs);
  }

  #compareAndDelete(command: Op<"compareAndDelete">): Outcome {
    const { key, timeMs } = command;
    const node = this.#tree.find(key);
    if (node === undefined) return this.#counted("compareAndDeleteFail", this.#missed(key));
    const refusal = this.#cannotCompare(key, node, command);
    this.#stats.compareAndDeleteSuccess += 1; // etcd counts what did not match as a success
    return refusal ?? this.#removed("compareAndDelete", node, timeMs);
  }

  #cannotCompare(
    key: string,
    node: StoreNode | undefined,
    { prevValue, prevIndex }: { readonly prevValue: string; readonly prevIndex: number },
  ): Refusal | undefined {
    if (node === undefined) return this.#missed(key);
    if (node.children) return this.#refuse(102, key);
    const isIndex = prevIndex === 0 || prevIndex === node.modifiedIndex;
    const isValue = prevValue === "" || prevValue === node.value;
    if (isIndex && isValue) return undefined;
    const values = `[${prevValue} != ${node.value}]`;
    const indices = `[${prevIndex} != ${node.modifiedIndex}]`;
    return this.#refuse(101, isIndex ? values : isValue ? indices : `${values} ${indices}`);
  }

  #applyAuth(command: Op<"auth">): Outcome {
    const outcome = this.#auth.apply(command, this.#index, this.#stats);
    if (!isDone(outcome) || outcome.index === this.#index) return outcome;
    this.#index = outcome.index;
    this.#history.add(undefined);
    return outcome;
  }

  #expire(nowMs: number): void {
    for (;;) {
      const node = this.#tree.expiry.top();
      if (node?.expiresMs === undefined || node.expiresMs > nowMs) return;
      this.#stats.expireCount += 1;
      this.#removed("expire", node, nowMs);
    }
  }

  #removed(action: Action, node: StoreNode, timeMs: number): Outcome {
    const prevNode = viewNode(node, timeMs);
    const { key, createdIndex } = node;
    const modifiedIndex = this.#index + 1;
    const isDir = node.children !== undefined;
    const removed = this.#tree.remove(node);
    const gone: KeyNode = isDir
      ? { key, dir: true, modifiedIndex, createdIndex }
      : { key, modifiedIndex, createdIndex };
    return this.#changed(action, gone, { prevNode, removed });
  }

  /** Moves the index on, keeps the event and tells the watchers, who never hear of a refresh. */
  #changed(
    action: Action,
    node: KeyNode,
    about: {
      readonly prevNode?: KeyNode | undefined;
      readonly refresh?: true | undefined;
      readonly removed?: readonly string[];
    } = {},
  ): Outcome {
    const { prevNode } = about;
    const event = prevNode ? { action, node, prevNode } : { action, node };
    this.#index += 1;
    this.#history.add(about.refresh ? undefined : event);
    if (!about.refresh) this.#watchers.tell(event, about.removed ?? []);
    return { event, index: this.#index };
  }

  #missed(key: string): Refusal {
    const miss = this.#tree.missAt(key);
    return this.#refuse(miss.code, miss.key);
  }

  #refuse(code: KeysErrorCode, cause: string): Refusal {
    return { code, cause, index: this.#index };
  }

  #counted(field: keyof StoreStats, refusal: Refusal): Refusal {
    this.#stats[field] += 1;
    return refusal;
  }
}

function meantExpiry(expiresMs: number | undefined): number | undefined {
  return expiresMs !== undefined && expiresMs < EXPIRES_MIN_MS ? undefined : expiresMs;
}
