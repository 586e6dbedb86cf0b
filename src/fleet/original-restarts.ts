import type { IncomingMessage } from "node:http";
import type { Clock } from "#base/clock.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { UnitStateName } from "./core/schema.ts";

/** What the original's fleetctl, and other programs on its client library, say of themselves. */
const ORIGINAL_CLIENT = /^google-api-go-client\//;
/** Less than the 3 s that the original's fleetctl gives a request. */
const HALT_MS = 2_000;
const LOOK_MS = 25;
/** It asks a quarter of a second after it has set the state. */
const ASKED_WITHIN_MS = 3_000;

/**
 * Lets the original's fleetctl restart units. It sets a unit to loaded, waits until it is *launched*, and sets it to
 * launched again: it counts on machines that begin to stop the unit a second later. With machines that stop it at once
 * it would wait for ever. So the first time that such a client looks at a unit that it has set to loaded, the answer
 * comes when the unit's machine began to stop it, and shows it launched once more.
 */
export class OriginalRestarts {
  readonly #clock: Clock;
  /** Until when the first look at the unit is to show it so, by the monotonic clock. */
  readonly #untilMs = new Map<UnitName, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes what a client has set a unit to that is shown as `current`. */
  noteSet(
    request: IncomingMessage,
    name: UnitName,
    current: UnitStateName | undefined,
    desired: UnitStateName,
  ): void {
    if (!ORIGINAL_CLIENT.test(request.headers["user-agent"] ?? "")) return;
    const isHalted = desired === "loaded" && current === "launched";
    if (isHalted) this.#untilMs.set(name, this.#clock.monotonicMs() + ASKED_WITHIN_MS);
    else this.#untilMs.delete(name);
  }

  /** Whether the client is to be shown the unit as launched once more; `current` tells what it is by now. */
  async isShownLaunched(
    request: IncomingMessage,
    name: UnitName,
    current: () => UnitStateName | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const untilMs = this.#untilMs.get(name);
    if (untilMs === undefined || !ORIGINAL_CLIENT.test(request.headers["user-agent"] ?? ""))
      return false;
    this.#untilMs.delete(name);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs > untilMs) return false;
    while (current() === "launched" && this.#clock.monotonicMs() < nowMs + HALT_MS)
      await this.#clock.sleep(LOOK_MS, signal);
    return current() !== undefined;
  }
}
