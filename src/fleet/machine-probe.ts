import * as v from "valibot";
import { Fault, reasonOf } from "#base/fault.ts";
import { parseAddress } from "#base/listen.ts";
import type { MachineId } from "./core/machine-id.ts";
import { bodyText, FORWARDED, httpRequest } from "./http-request.ts";

/** What a fleetd says of a machine: of itself, or what it found when it asked there. */
export type Liveness =
  | {
      readonly alive: true;
      /** Which boot of the machine speaks, as in its incarnation. */
      readonly instance: string;
      /** What it has of the store, in words; empty when it follows it. */
      readonly trouble: string;
    }
  | { readonly alive: false; readonly reason: string };

export interface ProbeQuestion {
  readonly machine: MachineId;
  /** `itself`: only that very machine may answer; `behalf`: whoever is asked goes and asks it. */
  readonly who: "itself" | "behalf";
}

/** A way to ask the fleetd of a machine whether it is alive, beside the store. */
export interface MachineProbe {
  /**
   * Asks the fleetd whose API is at `api`.
   * @throws {Fault} when nobody answers there, or not in these words; the signal's reason when aborted
   */
  ask(api: string, question: ProbeQuestion, signal: AbortSignal): Promise<Liveness>;
}

const Wire = v.variant("alive", [
  v.object({ alive: v.literal(true), instance: v.string(), trouble: v.string() }),
  v.object({ alive: v.literal(false), reason: v.string() }),
]);
/** The answer is a line; more is none. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** Asks over HTTP: `GET /fleet/v1/machines/ID/alive`. */
export const httpProbe: MachineProbe = {
  async ask(api, { machine, who }, signal) {
    try {
      const path = `/fleet/v1/machines/${machine}/alive`;
      const headers: Record<string, string> = who === "itself" ? { [FORWARDED]: "1" } : {};
      const answer = await httpRequest(parseAddress(api), { path, headers }, signal);
      if (Number(answer.headers["content-length"] ?? 0) > ANSWER_BYTES_MAX)
        throw new Error("the answer is too long to be one");
      return v.parse(Wire, JSON.parse(await bodyText(answer)));
    } catch (cause) {
      signal.throwIfAborted();
      throw new Fault("FLEET_UNREACHABLE", `Cannot ask ${api}: ${reasonOf(cause)}`, { cause });
    }
  },
};
