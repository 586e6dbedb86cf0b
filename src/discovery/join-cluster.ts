import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { type Backoff, backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { memberId } from "#keys/member.ts";
import { type Cluster, judgeProgress, type Own, planArrival } from "./core/bootstrap.ts";
import { formatRegistration } from "./core/registration.ts";
import { DiscoveryClient, isUnavailable, type Sighting } from "./discovery-client.ts";

const RETRY: Backoff = { baseMs: 1_000, maxMs: 60_000 };
/** A poll that ends sooner than this without a change was refused rather than waited out. */
const HASTY_MS = 1_000;
/** What looks hopeless is looked at once more after this long: a machine that comes back may be between two writes. */
const SECOND_LOOK_MS = 1_000;

export interface LookOptions {
  /** As it was given, letter by letter: it is the cluster's token too. */
  readonly url: string;
  /** URL of an HTTP proxy by which to reach it (discovery-proxy). */
  readonly proxy?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface JoinOptions extends LookOptions {
  readonly name: string;
  /** This machine's (initial-advertise-peer-urls). */
  readonly peerURLs: readonly string[];
  /**
   * Where to note that this machine registered, in the directory that will hold its data: with the note it has lost
   * nothing, however often it starts before its cluster is there. Default: no note.
   */
  readonly notePath?: string;
}

export type Joined =
  | {
      readonly kind: "member";
      readonly cluster: Cluster;
      /** The cluster's token (initial-cluster-token): as etcd's, the URL. */
      readonly token: string;
      /**
       * Whether this machine had a slot when it came, none was free, and it has no note of it: the cluster may have
       * formed with it, and it lost its data. It may then not start as one of the first members; returnToCluster gives
       * it its place again.
       */
      readonly isReturning: boolean;
    }
  /** There are as many as there shall be; this machine can be a proxy to them (discovery-fallback). */
  | { readonly kind: "full"; readonly cluster: Cluster };

/**
 * Registers this machine at a discovery URL and waits until every member has. An entry of its name, or of its peer URLs,
 * from an earlier life gives way. An unreachable service is asked again for as long as it takes.
 * @throws {Fault} CONFIG_INVALID for a URL that is none, DISCOVERY_REFUSED when waiting will not help.
 */
export async function joinCluster(options: JoinOptions, signal: AbortSignal): Promise<Joined> {
  const { url, name, peerURLs } = options;
  const id = memberId(peerURLs, url);
  const own: Own = { id, name, value: formatRegistration({ name, peerURLs }) };
  using watch = new Watch(options);
  const { gathering: first } = await watch.look(signal);
  const wasKnown = first.slots.some((slot) => slot.registration?.name === name || slot.id === id);
  const wasFull = first.slots.length >= first.size && first.size > 1;
  const isReturning = wasKnown && wasFull && !(await isNoted(options, id));
  const isFull = await watch.trying(async () => {
    const { gathering } = await watch.client.look(signal);
    const arrival = planArrival(gathering, own);
    if (arrival.kind !== "register") return arrival.kind === "full";
    if (!isReturning) await note(options, id);
    for (const slot of arrival.remove) {
      options.logger.warn({ was: slot.value, now: own.value }, "taking over the slot of this name");
      await watch.client.remove(slot.id, slot.value, signal);
    }
    await watch.client.register(id, own.value, signal);
    return false;
  }, signal);
  const seen = await watch.complete(isFull ? undefined : own, signal);
  if (isFull || seen.kind === "full") return { kind: "full", cluster: seen.cluster };
  return { kind: "member", cluster: seen.cluster, token: url, isReturning };
}

/**
 * The members at a discovery URL, once all are there, for one who joins nothing (a proxy).
 * @throws {Fault} as joinCluster
 */
export async function findCluster(options: LookOptions, signal: AbortSignal): Promise<Cluster> {
  using watch = new Watch(options);
  return (await watch.complete(undefined, signal)).cluster;
}

/** Looks at a discovery URL until the members are there. */
class Watch implements Disposable {
  readonly client: DiscoveryClient;
  readonly #options: LookOptions;
  #failures = 0;

  constructor(options: LookOptions) {
    this.#options = options;
    this.client = new DiscoveryClient(options.url, options);
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }

  /** @param own undefined to look on only */
  async complete(own: Own | undefined, signal: AbortSignal) {
    const { url, clock, logger } = this.#options;
    let told = "";
    for (let hasty = 0; ; ) {
      const { gathering, index, progress } = await this.#judge(own, signal);
      if (progress.kind === "hopeless") throw refused(url, progress.why);
      if (progress.kind !== "waiting") return progress;
      const { names, missing } = progress;
      const { size } = gathering;
      const news = `${size - missing} of ${size} members known, waiting for ${missing}`;
      if (news === told) hasty += 1;
      else {
        logger.info({ url, members: names }, news);
        told = news;
        hasty = 0;
      }
      const startedMs = clock.monotonicMs();
      await this.client.change(index, signal);
      if (hasty > 0 && clock.monotonicMs() - startedMs < HASTY_MS) await this.#pause(hasty, signal);
    }
  }

  async #judge(own: Own | undefined, signal: AbortSignal) {
    const first = await this.look(signal);
    const progress = judgeProgress(first.gathering, own);
    if (progress.kind !== "hopeless") return { ...first, progress };
    await this.#options.clock.sleep(SECOND_LOOK_MS, signal);
    const second = await this.look(signal);
    return { ...second, progress: judgeProgress(second.gathering, own) };
  }

  /** Does `work`, again and again while the service cannot be reached. */
  async trying<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        const done = await work();
        this.#failures = 0;
        return done;
      } catch (err) {
        signal.throwIfAborted();
        if (!isUnavailable(err)) throw err;
        this.#options.logger.warn({ err }, "the discovery service does not answer, trying again");
        await this.#pause(this.#failures, signal);
        this.#failures += 1;
      }
    }
  }

  look(signal: AbortSignal): Promise<Sighting> {
    return this.trying(() => this.client.look(signal), signal);
  }

  #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    return clock.sleep(backoffMs(attempt, RETRY, random), signal);
  }
}

async function note({ notePath, url }: JoinOptions, id: string): Promise<void> {
  if (notePath) await writeFileAtomic(notePath, `${id} ${url}\n`, { mode: 0o600 });
}

async function isNoted({ notePath, url }: JoinOptions, id: string): Promise<boolean> {
  if (notePath === undefined) return false;
  const text = await readFile(notePath, "utf8").catch(() => "");
  return text === `${id} ${url}\n`;
}

function refused(url: string, why: string): Fault {
  return new Fault("DISCOVERY_REFUSED", `Cannot join through ${url}: ${why}`);
}
