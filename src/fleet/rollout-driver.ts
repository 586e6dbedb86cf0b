import { withDeadline } from "#base/deadline.ts";
import { reasonOf } from "#base/fault.ts";
import { Wake } from "#base/wake.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { advanceRollout, type RolloutStep, type Watches } from "./core/advance-rollout.ts";
import { isActive, memberName, type Rollout, writeRollout } from "./core/rollout.ts";
import type { LeadingMeans } from "./engine-means.ts";
import { inParallel } from "./in-parallel.ts";
import { noteVersion } from "./note-version.ts";
import { asSeen, isKeysError } from "./registry.ts";

/** How long a change may be missed at most. */
const SAFETY_MS = 30_000;
/** Steps under way at once. */
const WRITES_MAX = 16;
/** After a write that failed. */
const AGAIN_MS = 1_000;
/** How long a write may take to show in the mirror before the rollout is looked at again anyway. */
const SEEN_MS = 5_000;

/** Carries rollouts on while this machine's engine leads: notes first, then writes what follows from the note. */
export class RolloutDriver {
  readonly #options: LeadingMeans;
  readonly #wake = new Wake();
  #watches = new Map<UnitName, Watches>();

  constructor(options: LeadingMeans) {
    this.#options = options;
  }

  /** Has it look again: whether this machine leads may have changed. */
  wake(): void {
    this.#wake.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, feed, leads } = this.#options;
    using _ = feed.subscribe(() => this.#wake.ring());
    for (;;) {
      let againAtMs = clock.monotonicMs() + SAFETY_MS;
      if (leads() && feed.isFollowing) againAtMs = Math.min(againAtMs, await this.#round(signal));
      else this.#watches.clear();
      await this.#wake.wait(Math.max(1, againAtMs - clock.monotonicMs()), clock, signal);
    }
  }

  /** One step of every rollout; gives when the next is due. */
  async #round(signal: AbortSignal): Promise<number> {
    const { model, restored } = this.#options.feed;
    const { rollouts } = model.notes;
    let againAtMs = Number.POSITIVE_INFINITY;
    const before = this.#watches;
    this.#watches = new Map();
    for (const key of [...rollouts.units()].sort()) {
      const note = rollouts.get(key);
      if (note === undefined || !isActive(note.value)) continue;
      // What became of it since the backup is not known.
      if (restored.isOld(model.keys.note("rollouts", key))) continue;
      const watches = before.get(key) ?? new Map();
      againAtMs = Math.min(againAtMs, await this.#advance(key, note, watches, signal));
    }
    return againAtMs;
  }

  async #advance(
    key: UnitName,
    { value: rollout, index }: { readonly value: Rollout; readonly index: number },
    watches: Watches,
    signal: AbortSignal,
  ): Promise<number> {
    const { clock, feed, leads, logger } = this.#options;
    const moment = { nowMs: clock.monotonicMs(), at: clock.now().toISOString() };
    const advance = advanceRollout(feed.model, key, rollout, watches, moment);
    this.#watches.set(key, advance.watches);
    try {
      if (!leads()) return moment.nowMs + AGAIN_MS;
      if (advance.next !== rollout) await this.#note(key, rollout, advance.next, index, signal);
      else await inParallel(advance.steps, WRITES_MAX, (step) => this.#take(step, signal));
      return advance.againAtMs;
    } catch (error) {
      if (signal.aborted) throw error;
      // Somebody was faster, or the store went away: what is then so shows in the mirror.
      const level = isKeysError(error, 100, 101, 105) ? "debug" : "warn";
      logger[level]({ unit: key, error: reasonOf(error) }, "could not carry a rollout on");
      return clock.monotonicMs() + AGAIN_MS;
    }
  }

  async #note(
    key: UnitName,
    before: Rollout,
    after: Rollout,
    index: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { registry } = this.#options;
    const written = registry.writeNote(
      { room: "rollouts", unit: key },
      writeRollout(after),
      asSeen(index),
      signal,
    );
    await this.#seen(await written, signal);
    this.#tell(key, before, after);
  }

  #tell(key: UnitName, before: Rollout, after: Rollout): void {
    const { events, me } = this.#options;
    const who = `engine on ${me}`;
    const known = new Map(before.members.map((member) => [memberName(member), member]));
    for (const member of after.members) {
      const phase = known.get(memberName(member))?.phase;
      if (phase === member.phase) continue;
      const { unit, machine, why } = member;
      events.tell({
        what: `rollout: ${member.phase}`,
        unit,
        ...(machine === undefined ? {} : { machine }),
        who,
        why: why || `rollout of ${key} by ${after.by}`,
        before: phase ?? "",
        after: member.phase,
      });
    }
    if (before.state !== after.state)
      events.tell({
        what: `rollout ${after.state}`,
        unit: key,
        who,
        why: after.why || `rollout by ${after.by}`,
        before: after.from,
        after: after.to,
      });
  }

  async #take(step: RolloutStep, signal: AbortSignal): Promise<void> {
    const { clock, events, feed, logger, me, registry } = this.#options;
    const { unit, reason } = step;
    logger.info({ ...step }, "rollout step");
    if (step.kind === "move") {
      await this.#seen(await registry.move(unit, step.from, step.to, signal), signal);
      const { from: before, to: after } = step;
      return events.tell({
        what: "moved",
        unit,
        who: `engine on ${me}`,
        why: reason,
        before,
        after,
      });
    }
    const index = feed.indexOf(feed.model.keys.job(unit, "object"));
    if (index === undefined || feed.model.jobs.get(unit)?.hash !== step.from) return;
    const version = {
      hash: step.to,
      at: clock.now().toISOString(),
      by: `engine on ${me}`,
      why: reason,
    };
    await noteVersion(this.#options, unit, version, signal);
    await this.#seen(await registry.setText(unit, step.to, index, signal), signal);
    const { from: before, to: after } = step;
    events.tell({ what: "replaced", unit, who: `engine on ${me}`, why: reason, before, after });
  }

  async #seen(index: number, signal: AbortSignal): Promise<void> {
    const { clock, feed } = this.#options;
    const limit = { ms: SEEN_MS, clock, what: "see a step of a rollout", signal };
    await withDeadline(limit, (stop) => feed.seen(index, stop));
  }
}
