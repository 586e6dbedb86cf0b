import type { MirrorEntry } from "./mirror.ts";

interface Branch {
  entry: MirrorEntry | undefined;
  /** Absent where nothing is below: of so many branches most are leaves. */
  children: Map<string, Branch> | undefined;
}

/** Entries by key, with all under a directory found at the cost of those alone. */
export class MirrorTree {
  readonly #root = newBranch();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): MirrorEntry | undefined {
    return this.#find(key)?.entry;
  }

  set(entry: MirrorEntry): void {
    let branch = this.#root;
    for (const name of segments(entry.key)) {
      branch.children ??= new Map();
      let child = branch.children.get(name);
      if (child === undefined) branch.children.set(name, (child = newBranch()));
      branch = child;
    }
    if (branch.entry === undefined) this.#size += 1;
    branch.entry = entry;
  }

  delete(key: string): void {
    const path = [this.#root];
    const names = segments(key);
    for (const name of names) {
      const child = path.at(-1)?.children?.get(name);
      if (child === undefined) return;
      path.push(child);
    }
    const last = path.at(-1);
    if (last?.entry === undefined) return;
    last.entry = undefined;
    this.#size -= 1;
    for (let depth = names.length; depth > 0; depth -= 1) {
      const branch = path[depth];
      if (branch === undefined || branch.entry !== undefined || branch.children?.size) return;
      path[depth - 1]?.children?.delete(names[depth - 1] ?? "");
    }
  }

  /** The entry at `key` and those below it, ordered by path segment. */
  under(key: string): MirrorEntry[] {
    const found: MirrorEntry[] = [];
    const stack = [this.#find(key)];
    for (let branch = stack.pop(); branch !== undefined; branch = stack.pop()) {
      if (branch.entry !== undefined) found.push(branch.entry);
      const { children } = branch;
      if (children === undefined) continue;
      const names = [...children.keys()].sort().reverse(); // the first comes off the stack first
      for (const name of names) stack.push(children.get(name));
    }
    return found;
  }

  #find(key: string): Branch | undefined {
    let branch: Branch | undefined = this.#root;
    for (const name of segments(key)) {
      branch = branch.children?.get(name);
      if (branch === undefined) return undefined;
    }
    return branch;
  }
}

function newBranch(): Branch {
  return { entry: undefined, children: undefined };
}

function segments(key: string): string[] {
  return key.split("/").filter((name) => name !== "");
}
