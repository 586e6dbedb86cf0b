import { withDeadline } from "#base/deadline.ts";
import { reasonOf } from "#base/fault.ts";
import { Wake } from "#base/wake.ts";
import {
  ENGINE_LEASE,
  FOLLOWER,
  type Leadership,
  leads,
  stepLeadership,
} from "./core/leadership.ts";
import type { EngineMeans } from "./engine-means.ts";
import { isKeysError } from "./registry.ts";

export interface LeaseOptions extends Omit<EngineMeans, "events"> {
  /** Called whenever leading begins or ends. */
  readonly onChange: () => void;
}

/** How often a failed renewal is tried again. */
const RETRY_MS = 250;
const TTL_SECONDS = ENGINE_LEASE.ttlMs / 1000;

/**
 * The right to schedule, held by one engine at a time. It is taken as soon as the lease is seen to be free, renewed
 * by compare-and-swap, and given up when this daemon stops.
 */
export class LeaderLease {
  readonly #options: LeaseOptions;
  readonly #wake = new Wake();
  #leadership: Leadership = FOLLOWER;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Whether this engine leads at this very moment. */
  get leads(): boolean {
    return leads(this.#leadership, this.#options.clock.monotonicMs());
  }

  async run(signal: AbortSignal): Promise<void> {
    const { feed, clock } = this.#options;
    using _ = feed.subscribe((effects) => {
      if (effects.length === 0 || effects.some(({ kind }) => kind === "lease")) this.#wake.ring();
    });
    try {
      for (;;) {
        await this.#step(signal);
        await this.#wake.wait(this.#pauseMs(), clock, signal);
      }
    } finally {
      await this.#giveUp();
    }
  }

  #pauseMs(): number {
    if (this.#leadership.state === "follower") return ENGINE_LEASE.ttlMs;
    const nowMs = this.#options.clock.monotonicMs();
    return Math.max(RETRY_MS, this.#leadership.renewAtMs - nowMs);
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#enter(stepLeadership(this.#leadership, { type: "tick", nowMs }, ENGINE_LEASE));
    try {
      if (this.#leadership.state === "leader") {
        if (nowMs >= this.#leadership.renewAtMs) await this.#renew(this.#leadership.index, signal);
      } else await this.#tryAcquire(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      logger.debug({ reason: reasonOf(error) }, "cannot reach the engine's lease");
    }
  }

  async #tryAcquire(signal: AbortSignal): Promise<void> {
    const { feed, me, registry } = this.#options;
    if (!feed.isFollowing || !feed.isListed) return;
    const { lease } = feed.model;
    if (lease === undefined)
      await this.#ask((limit) => registry.acquireLease(me, TTL_SECONDS, limit), signal);
    // What an earlier run of this machine's engine left is ours; its last renewal cannot come through any more.
    else if (lease.value === me) await this.#renew(lease.index, signal);
  }

  async #renew(index: number, signal: AbortSignal): Promise<void> {
    const { me, registry } = this.#options;
    await this.#ask((limit) => registry.renewLease(me, TTL_SECONDS, index, limit), signal);
  }

  async #ask(write: (signal: AbortSignal) => Promise<number>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    const what = "renew the engine's lease";
    try {
      const index = await withDeadline({ ms: ENGINE_LEASE.renewMs, clock, what, signal }, write);
      this.#enter(
        stepLeadership(this.#leadership, { type: "granted", index, sentMs }, ENGINE_LEASE),
      );
    } catch (error) {
      if (!isKeysError(error, 100, 101, 105)) throw error;
      this.#enter(stepLeadership(this.#leadership, { type: "refused" }, ENGINE_LEASE));
    }
  }

  #enter(next: Leadership): void {
    const before = this.#leadership;
    this.#leadership = next;
    if (before.state === next.state) return;
    const { logger, onChange, me } = this.#options;
    logger.info({ machine: me }, next.state === "leader" ? "engine leads" : "engine follows");
    onChange();
  }

  /** The next engine need not wait for the lease to run out. */
  async #giveUp(): Promise<void> {
    const { clock, registry, logger } = this.#options;
    const was = this.#leadership;
    this.#enter(FOLLOWER);
    if (was.state !== "leader") return;
    const signal = new AbortController().signal;
    const what = "give up the engine's lease";
    await withDeadline({ ms: 1_000, clock, what, signal }, (limit) =>
      registry.giveUpLease(was.index, limit),
    ).catch((error: unknown) => logger.debug({ reason: reasonOf(error) }, "lease left to run out"));
  }
}
