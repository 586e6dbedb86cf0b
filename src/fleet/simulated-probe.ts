import { Fault } from "#base/fault.ts";
import type { Liveness, MachineProbe, ProbeQuestion } from "./machine-probe.ts";
import type { SimulatedMachine } from "./simulated-cluster.ts";

const SCHEME = "simulated://";

/** The address of the API of a machine's daemon, for others in the simulation. */
export function simulatedApi(name: string): string {
  return `${SCHEME}${name}`;
}

/**
 * Asks other machines over the same network that leads to the store: what it loses and delays there it does here. A
 * machine without a daemon refuses, one that is cut off or paused keeps silent.
 */
export class SimulatedProbe implements MachineProbe {
  readonly #from: SimulatedMachine;
  readonly #machine: (name: string) => SimulatedMachine | undefined;

  constructor(from: SimulatedMachine, machine: (name: string) => SimulatedMachine | undefined) {
    this.#from = from;
    this.#machine = machine;
  }

  async ask(api: string, question: ProbeQuestion, signal: AbortSignal): Promise<Liveness> {
    const to = this.#machine(api.slice(SCHEME.length));
    if (to === undefined) throw unreachable(api, "there is no such host");
    if (
      !(await this.#travels(this.#from, to, signal)) ||
      to.isOff ||
      to.refuses.has(this.#from.name)
    )
      return await never(signal);
    const { daemon, process } = to;
    if (daemon === undefined) throw unreachable(api, "connection refused");
    let answer: Liveness;
    try {
      await process.enter(signal);
      answer = await daemon.liveness.answer(question, signal);
    } catch {
      signal.throwIfAborted();
      throw unreachable(api, "the connection was reset"); // its process was killed
    }
    if (!(await this.#travels(to, this.#from, signal))) return await never(signal);
    return answer;
  }

  async #travels(from: SimulatedMachine, to: SimulatedMachine, signal: AbortSignal) {
    if (from === to) return true;
    const { link: out } = from;
    const { link: back } = to;
    return (await out.crosses(out.out, signal)) && (await back.crosses(back.back, signal));
  }
}

/** Rejects when aborted, and never else. */
function never(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

function unreachable(api: string, reason: string): Fault {
  return new Fault("FLEET_UNREACHABLE", `Cannot ask ${api}: ${reason}`);
}
