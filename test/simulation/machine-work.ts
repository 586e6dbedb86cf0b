import type { Random } from "#base/random.ts";
import { writeDrain, writeMark } from "#fleet/core/machine-marks.ts";
import type { Registry } from "#fleet/registry.ts";
import type { SimulatedCluster, SimulatedMachine } from "#fleet/simulated-cluster.ts";
import { between, chance, pick } from "./pick.ts";

/** Something that is asked about a machine. */
export interface MachineDeed {
  readonly what: string;
  readonly act: () => Promise<unknown>;
}

/** Has a machine cordoned, drained or opened again, as the API of `asked` does it by what that one sees. */
export function machineDeed(
  random: Random,
  { clock, machines, signal }: SimulatedCluster,
  asked: SimulatedMachine,
  registry: Registry,
): MachineDeed {
  const { name, id } = pick(random, [...machines]);
  const { cordoned, draining } = asked.daemon!.feed.model.machine(id) ?? {};
  const nowMs = clock.now().getTime() + asked.wallAheadMs;
  const mark = { by: "an operator", at: new Date(nowMs).toISOString(), why: "" };
  const set = (part: "cordoned" | "draining", value: string | undefined) =>
    registry.setMark(id, part, value, signal);
  const close = async () => {
    if (cordoned === undefined) await set("cordoned", writeMark(mark));
  };
  const isClosed = cordoned !== undefined || draining !== undefined;
  if (isClosed && chance(random, 0.6))
    return {
      what: `uncordon ${name}`,
      act: async () => {
        await set("draining", undefined);
        await set("cordoned", undefined);
      },
    };
  if (draining !== undefined && chance(random, 0.3))
    return { what: `end the drain of ${name}`, act: () => set("draining", undefined) };
  if (chance(random, 0.35)) return { what: `cordon ${name}`, act: close };
  const leftMs = chance(random, 0.5) ? between(random, 500, 20_000) : undefined;
  const deadline = leftMs === undefined ? undefined : new Date(nowMs + leftMs).toISOString();
  return {
    what: `drain ${name} ${deadline === undefined ? "without end" : `until ${deadline}`}`,
    act: async () => {
      await close();
      await set("draining", writeDrain({ ...mark, deadline, isOver: false }));
    },
  };
}
