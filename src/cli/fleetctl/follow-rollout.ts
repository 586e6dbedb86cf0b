import type { SchemaRollout, SchemaRolloutMember } from "#fleet/core/rollout-schema.ts";
import { blockingMs } from "./blocking.ts";
import { machineLegend, withIds } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";

/** A unit that was given another text; `rolls` when that asks for a rollout. */
export interface Replaced {
  readonly name: string;
  readonly hash: string;
  readonly rolls: boolean;
  /** It had the text before; a rollout of it counts only while it goes on. */
  readonly isSame?: boolean;
  /** When the rollout that it was in before the text was given had begun, if that was over: it is not meant. */
  readonly begunBefore?: string | undefined;
}

/** Of a unit that is about to be given a text: for what `begunBefore` asks. */
export async function overBefore({ api }: Session, name: string): Promise<string | undefined> {
  const rollout = await api.rollout(name);
  return rollout === undefined || isUnderWay(rollout) ? undefined : rollout.began;
}

function isUnderWay({ state }: SchemaRollout): boolean {
  return state === "running" || state === "returning";
}

const PAUSE_MS = 250;

/**
 * Follows the rollouts that giving units these texts began, until they are over, with a line for each member that gets
 * further. Says why one went back, or is not over in time.
 * @returns the units whose rollout went back or is not known to be over
 */
export async function followRollouts(
  session: Session,
  units: readonly Replaced[],
): Promise<ReadonlySet<string>> {
  const failed = new Set<string>();
  const seen = new Map<string, Promise<boolean>>();
  for (const unit of units.filter(({ rolls }) => rolls)) {
    const rollout = await rolloutFor(session, unit);
    if (rollout === undefined) continue;
    const known = seen.get(rollout.unit) ?? follow(session, rollout);
    seen.set(rollout.unit, known);
    if (!(await known)) failed.add(unit.name);
  }
  return failed;
}

/** Undefined where the unit was replaced at once, and where nobody knows of rollouts. */
async function rolloutFor(
  { api }: Session,
  { name, hash, isSame = false, begunBefore }: Replaced,
): Promise<SchemaRollout | undefined> {
  const rollout = await api.rollout(name);
  if (rollout === undefined || rollout.began === begunBefore) return undefined;
  if (isSame && !isUnderWay(rollout)) return undefined;
  const isMeant =
    rollout.unit === name
      ? rollout.to === hash
      : rollout.members.some((one) => one.unit === name && one.to === hash);
  return isMeant ? rollout : undefined;
}

/** Until it is over; true when that is as wanted. */
export async function follow(
  session: Session,
  begun: SchemaRollout,
  wanted: "done" | "returned" = "done",
): Promise<boolean> {
  const { clock, err, io, out } = session;
  const limitMs = clock.monotonicMs() + blockingMs(session);
  const phases = new Map<string, string>();
  if (wanted === "done") out(`Rollout of ${begun.unit} began: ${describePolicy(begun)}`);
  let apiNote = "";
  for (let rollout = begun; ; ) {
    await tellMembers(session, rollout, phases);
    if (rollout.to !== begun.to) {
      err(`Rollout of ${begun.unit} was taken over by a newer text, given by ${rollout.by}`);
      return false;
    }
    if (rollout.state === "done" && rollout.why !== "") {
      err(`Rollout of ${begun.unit} went no further: ${withIds(rollout.why, false)}`);
      return false;
    }
    if (rollout.state === wanted) {
      out(`Rollout of ${begun.unit} ${wanted}`);
      return true;
    }
    if (rollout.state === "done") {
      err(`Error reverting ${begun.unit}: the rollout was done before`);
      return false;
    }
    if (rollout.state === "returned") {
      err(`Error updating ${begun.unit}: everything went back: ${withIds(rollout.why, false)}`);
      return false;
    }
    if (clock.monotonicMs() >= limitMs) {
      err(`Error updating ${begun.unit}: timed out; the rollout goes on`);
      return false;
    }
    await clock.sleep(PAUSE_MS, io.signal).catch((error: unknown) => {
      err(
        `Interrupted: the rollout of ${begun.unit} goes on; to take it back, run: fleetctl revert ${begun.unit}`,
      );
      throw error;
    });
    try {
      rollout = (await session.api.rollout(begun.unit)) ?? rollout;
      apiNote = "";
    } catch (error) {
      const note = `Waiting for the fleet API: ${apiSentence(session, error)}`;
      if (note !== apiNote) err(note);
      apiNote = note;
    }
  }
}

/** For people: how a rollout goes about it. */
export function describePolicy({
  members,
  parallel,
  order,
  monitorSeconds,
}: Pick<SchemaRollout, "parallel" | "order" | "monitorSeconds"> & {
  readonly members: readonly unknown[];
}): string {
  const count = members.length === 1 ? "1 member" : `${members.length} members`;
  return `${count}, ${parallel} at a time, ${order}, each watched for ${monitorSeconds} s`;
}

/** A line for each member whose phase is another than it was. */
async function tellMembers(
  session: Session,
  { members }: SchemaRollout,
  phases: Map<string, string>,
): Promise<void> {
  for (const member of members) {
    const { phase, unit, why } = member;
    const key = `${unit} ${member.machineID ?? ""}`;
    if (phases.get(key) === phase || (phase === "waiting" && !phases.has(key))) continue;
    phases.set(key, phase);
    const reason = why === "" ? "" : `: ${withIds(why, false)}`;
    session.out(`Unit ${unit} ${phase}${await placeOf(session, member)}${reason}`);
  }
}

async function placeOf(session: Session, { machineID }: SchemaRolloutMember): Promise<string> {
  if (machineID === null) return "";
  return ` on ${machineLegend(machineID, await session.api.machines(), false)}`;
}
