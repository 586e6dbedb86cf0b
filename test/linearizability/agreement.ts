import { createHash } from "node:crypto";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Log } from "#log/core/log.ts";
import { logOver } from "#test/support/log-over.ts";

/** Whether all servers of a store, and all their runs, saw the same entries and made the same of them. */
export class Agreement {
  /** The first one only: what follows is of no use. */
  readonly problems: string[] = [];
  readonly #entries = new Map<number, string>();
  readonly #hashes = new Map<number, string>();
  #compared = 0;

  /** How often a server's state was compared with another's at the same index. */
  get compared(): number {
    return this.#compared;
  }

  get entries(): number {
    return this.#entries.size;
  }

  /** The same log, every delivery compared before it is passed on. */
  around(log: Log, server: string): Log {
    let last = log.snapshot?.index ?? 0;
    return logOver(log, {
      start: (reader) =>
        log.start({
          deliver: (entries) => {
            for (const { index, data } of entries) {
              if (index !== last + 1)
                this.#tell(`${server} was given entry ${index} after ${last}`);
              last = index;
              const known = this.#entries.get(index);
              if (known === undefined) this.#entries.set(index, data);
              else if (known !== data)
                this.#tell(`${server} has at entry ${index} ${data}, others ${known}`);
            }
            reader.deliver(entries);
          },
          replace: (snapshot) => {
            if (snapshot.index <= last)
              this.#tell(`${server} at ${last} was thrown back to ${snapshot.index}`);
            last = snapshot.index;
            reader.replace(snapshot);
          },
        }),
    });
  }

  #tell(problem: string): void {
    if (this.problems.length === 0) this.problems.push(problem);
  }

  /** Equal index, equal state. */
  compare(server: KeysServer, name: string): void {
    const hash = server.stateHash((texts) => {
      const sum = createHash("sha1");
      for (const text of texts) sum.update(text);
      return sum.digest("hex");
    });
    const known = this.#hashes.get(server.raftIndex);
    this.#hashes.set(server.raftIndex, hash);
    if (known === undefined) return;
    this.#compared += 1;
    if (known !== hash) this.#tell(`${name} differs from others at ${server.raftIndex}`);
  }
}
