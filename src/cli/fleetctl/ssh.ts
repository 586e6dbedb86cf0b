import { runInTerminal } from "#cli/run-in-terminal.ts";
import type { SchemaMachine } from "#fleet/core/schema.ts";
import { sshTo } from "./over-ssh.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

/** `ssh MACHINE|UNIT [COMMAND...]`: a shell, or a command, on a machine of the cluster. */
export async function runSsh(session: Session): Promise<number> {
  const { flags, args, err, io } = session;
  const [machine, unit] = [flags.text("machine"), flags.text("unit")];
  if (machine !== "" && unit !== "") {
    err("Both machine and unit flags provided, please specify only one.");
    return 1;
  }
  const isNamed = machine !== "" || unit !== "";
  const found = await find(session, { machine, unit, either: isNamed ? "" : (args[0] ?? "") });
  if (typeof found === "string") {
    err(`Unable to proceed: ${found}`);
    return 1;
  }
  if (found.primaryIP === "") {
    err(`Could not determine address of machine. Give the fleetd of ${found.id} a public_ip.`);
    return 1;
  }
  const command = isNamed ? args : args.slice(1);
  const agent = flags.bool("forward-agent") ? ["-A"] : [];
  return await runInTerminal(["ssh", ...agent, ...sshTo(session, found), ...command], io);
}

interface Wanted {
  readonly machine: string;
  readonly unit: string;
  /** What may be either. */
  readonly either: string;
}

/** The machine, or why there is none. */
async function find(
  session: Session,
  { machine, unit, either }: Wanted,
): Promise<SchemaMachine | string> {
  const { api } = session;
  if (machine === "" && unit === "" && either === "") return "one machine or unit must be provided";
  let all: readonly SchemaMachine[];
  let byUnit: SchemaMachine | undefined;
  try {
    all = await api.machineList();
    const name = unit || either;
    const [state, ...more] = name === "" ? [] : await api.states({ unitName: unitNameOf(name) });
    // A global unit is on many machines: on none of them more than on the others.
    if (more.length === 0) byUnit = all.find(({ id }) => id === state?.machineID);
  } catch (error) {
    return apiSentence(session, error);
  }
  if (unit !== "") return byUnit ?? "unit does not exist";
  const word = machine || either;
  const named = all.filter((one) => one.hostName === word || one.primaryIP === word);
  const matching =
    named.length > 0 ? named : all.filter(({ id }) => id.startsWith(word.replace(/\.\.\..*$/, "")));
  const [byId, ...others] = matching;
  if (others.length > 0) return "found more than one machine";
  if (machine !== "") return byId ?? "machine does not exist";
  if (byId !== undefined && byUnit !== undefined)
    return `ambiguous argument, both machine and unit found for \`${either}\`; choose by --machine or --unit`;
  return byId ?? byUnit ?? "could not find matching unit or machine";
}
