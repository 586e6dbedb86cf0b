import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { Wake } from "#base/wake.ts";
import type { MachineId } from "./core/machine-id.ts";
import { writeMark } from "./core/machine-marks.ts";
import { aliveReason } from "./core/presence-tracker.ts";
import type { SuspicionEvent } from "./core/suspicion.ts";
import type { EngineMeans } from "./engine-means.ts";
import type { Liveness, MachineProbe } from "./machine-probe.ts";

export interface ProberOptions extends EngineMeans {
  readonly probe: MachineProbe;
  /** Called when something became known of a machine that was not before. */
  readonly onKnown: () => void;
}

/** How long the machine, and those that ask it on this one's behalf, may take to answer. */
const ANSWER_MS = 1_000;
/** How often a suspected machine is asked again. */
const AGAIN_MS = 2_000;
/** So many other machines ask as well: a broken way from here to there must not pass for a dead machine. */
const HELPERS = 2;
const ENOUGH = new Error("somebody heard from the machine");

/**
 * The second path: asks machines whose record is gone whether they are alive, from here and from two other machines at
 * once, while this machine's engine leads. Only an answer of the very boot that held the record counts.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #wake = new Wake();
  /** Machines that are being asked now. */
  readonly #asking = new Map<MachineId, Promise<void>>();
  /** Machines whose mark is being written. */
  readonly #marking = new Set<MachineId>();
  readonly #askedMs = new Map<MachineId, number>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Whether to ask from now on. */
  setLeading(isLeading: boolean): void {
    this.#options.feed.suspicions.setAsking(isLeading);
    if (!isLeading) this.#askedMs.clear();
    this.#wake.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { feed, clock } = this.#options;
    using _ = feed.subscribe((effects) => {
      if (effects.length === 0 || effects.some(({ kind }) => kind === "machine")) this.#wake.ring();
    });
    try {
      for (;;) {
        if (feed.isFollowing) this.#askAll(signal);
        await this.#wake.wait(this.#pauseMs(), clock, signal);
      }
    } finally {
      await Promise.allSettled(this.#asking.values());
    }
  }

  #pauseMs(): number {
    const { feed, clock } = this.#options;
    if (!feed.isFollowing) return AGAIN_MS;
    const nowMs = clock.monotonicMs();
    // Those being asked now ring when that is over.
    const due = [...this.#askedMs]
      .filter(([machine]) => !this.#asking.has(machine))
      .map(([, atMs]) => atMs + AGAIN_MS - nowMs);
    return Math.max(1, Math.min(AGAIN_MS, ...due));
  }

  #askAll(signal: AbortSignal): void {
    const { feed, clock, onKnown } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const machine of feed.suspects()) {
      if (feed.suspicions.get(machine) === undefined) continue;
      const lastMs = this.#askedMs.get(machine) ?? Number.NEGATIVE_INFINITY;
      if (this.#asking.has(machine) || nowMs < lastMs + AGAIN_MS) continue;
      this.#askedMs.set(machine, nowMs);
      const asking = this.#ask(machine, signal)
        .then((event) => {
          if (feed.suspicions.step(machine, event)) this.#tell(machine, onKnown);
        })
        .catch(() => {}) // aborted: nothing is known
        .finally(() => {
          this.#asking.delete(machine);
          this.#wake.ring();
        });
      this.#asking.set(machine, asking);
    }
    this.#markAll(signal);
    for (const machine of this.#askedMs.keys())
      if (feed.suspicions.get(machine) === undefined) this.#askedMs.delete(machine);
  }

  #tell(machine: MachineId, onKnown: () => void): void {
    const { feed, logger } = this.#options;
    const { state } = feed.suspicions.get(machine)!;
    logger.warn({ machine, state }, "asked a machine whose record is gone");
    onKnown();
  }

  /** Puts on record which machines are held, for those that do not ask, and takes back what is so no more. */
  #markAll(signal: AbortSignal): void {
    const { feed } = this.#options;
    if (!feed.suspicions.isAsking) return;
    for (const machine of feed.model.knownMachines) {
      const held = feed.model.machine(machine)?.held;
      const state = feed.suspicions.get(machine)?.state;
      if (state === "asking" || this.#marking.has(machine)) continue;
      if ((state === "alive") !== (held !== undefined)) void this.#mark(machine, signal);
    }
  }

  async #mark(machine: MachineId, signal: AbortSignal): Promise<void> {
    const { feed, registry, events, clock, logger, me } = this.#options;
    const isAlive = feed.suspicions.get(machine)?.state === "alive";
    const why = aliveReason(machine, feed.model.api(machine) ?? "");
    const mark = { by: `engine on ${me}`, at: clock.now().toISOString(), why };
    this.#marking.add(machine);
    try {
      const index = await registry.setMark(
        machine,
        "held",
        isAlive ? writeMark(mark) : undefined,
        signal,
      );
      if (isAlive)
        events.tell({ what: "held", machine, who: mark.by, why, after: "its units stay" });
      await feed.seen(index, signal);
    } catch (error) {
      if (!signal.aborted)
        logger.debug({ machine, reason: reasonOf(error) }, "could not note whether it is held");
    } finally {
      this.#marking.delete(machine);
    }
  }

  async #ask(machine: MachineId, signal: AbortSignal): Promise<SuspicionEvent> {
    const { feed, clock, probe } = this.#options;
    const address = feed.model.api(machine)!;
    const instance = feed.model.incarnation(machine)?.instance;
    const sentMs = clock.monotonicMs();
    const heard = Promise.withResolvers<"alive">();
    let sides = 0;
    const from = async (api: string, who: "itself" | "behalf", stop: AbortSignal) => {
      const word = await answerOf(() => probe.ask(api, { machine, who }, stop), stop);
      if (word?.alive === true && word.instance === instance) heard.resolve("alive");
      else if (word !== undefined || who === "itself") sides += 1;
    };
    const limit = { ms: ANSWER_MS, clock, what: `hear from machine ${machine}`, signal };
    const enough = new AbortController();
    const outcome = await withDeadline(limit, async (late) => {
      const stop = AbortSignal.any([late, enough.signal]);
      const others = this.#helpers(machine).map((api) => from(api, "behalf", stop));
      const everybody = Promise.all([from(address, "itself", stop), ...others]);
      return Promise.race([everybody, heard.promise]);
    }).finally(() => enough.abort(ENOUGH));
    signal.throwIfAborted();
    return outcome === "alive"
      ? { type: "answered", address, sentMs }
      : { type: "unanswered", sides, nowMs: clock.monotonicMs() };
  }

  /** The APIs of other machines that are present, the next ones by id after the suspected one. */
  #helpers(suspect: MachineId): string[] {
    const { feed, me } = this.#options;
    const ids = [...feed.model.machines.keys()].filter((id) => id !== me).sort();
    const after = ids.findIndex((id) => id > suspect);
    const turned = after < 0 ? ids : [...ids.slice(after), ...ids.slice(0, after)];
    const apis = turned.map((id) => feed.model.api(id)).filter((api) => api !== undefined);
    return apis.slice(0, HELPERS);
  }
}

/** Undefined when nobody answered in time. */
async function answerOf(
  ask: () => Promise<Liveness>,
  stop: AbortSignal,
): Promise<Liveness | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!stop.aborted && !(error instanceof Fault)) throw error;
    return undefined;
  }
}
