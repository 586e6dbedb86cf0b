import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { runInTerminal } from "#cli/run-in-terminal.ts";
import type { SchemaMachine, SchemaUnitStatus } from "#fleet/core/schema.ts";
import { journalOptions } from "./journal-source.ts";
import type { Session } from "./session.ts";
import { parseSshTarget, sshOptions, throughTunnel } from "./ssh-options.ts";

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const SSH_FAILED = 255; // ssh(1)

type Place = Pick<SchemaMachine, "id" | "primaryIP">;

/** The words of ssh(1) that log in to the machine, by the flags; what follows them is the command there. */
export function sshTo({ flags }: Pick<Session, "flags">, { primaryIP }: Place): readonly string[] {
  const tunnel = flags.text("tunnel");
  const port = flags.isGiven("ssh-port") ? flags.number("ssh-port") : undefined;
  return [
    ...sshOptions({ user: undefined, host: primaryIP, port }, flags),
    ...(tunnel === "" ? [] : throughTunnel(parseSshTarget(tunnel, "--tunnel"), flags)),
    "--",
    primaryIP,
  ];
}

/**
 * Whether the API's refusal means that nobody of Keelson's could be asked about a unit: this endpoint's daemon, or the
 * one where the unit runs, is the original's. Then its machine is asked by ssh, as the original does for all.
 */
export function isOfOriginal(error: unknown): error is Fault {
  return error instanceof Fault && (error.facts["unknown"] === 1 || error.facts["status"] === 502);
}

/** `systemctl status` on the machine, by ssh unless it is this one. @throws {Fault} FLEET_UNREACHABLE when ssh cannot log in */
export async function statusWithoutApi(
  session: Session,
  unit: string,
  machine: Place,
): Promise<SchemaUnitStatus> {
  const command = ["systemctl", "status", "-l", "--no-pager", unit];
  const [program = "", ...args] = await runOn(session, machine, command);
  const { promise, resolve } = Promise.withResolvers<SchemaUnitStatus & { stderr: string }>();
  const options = { maxBuffer: OUTPUT_BYTES_MAX, signal: session.io.signal };
  execFile(program, args, options, (error, text, stderr) => {
    const exitStatus =
      error === null ? 0 : typeof error.code === "number" ? error.code : SSH_FAILED;
    resolve({ exitStatus, text, stderr: stderr || (error?.message ?? "") });
  });
  const { exitStatus, text, stderr } = await promise;
  session.io.signal.throwIfAborted();
  if (program === "ssh" && exitStatus === SSH_FAILED) throw notThere(machine, stderr.trim());
  if (text === "" && stderr !== "") return { exitStatus, text: stderr };
  return { exitStatus, text };
}

/** `journalctl` on the machine, by ssh unless it is this one, in the place of this program. */
export async function journalWithoutApi(
  session: Session,
  unit: string,
  machine: Place,
): Promise<number> {
  const { flags, io } = session;
  const { lines, output = "", since, until, grep } = journalOptions(session);
  const limits = Object.entries({ since, until, grep }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
  const command = [
    "journalctl",
    "--unit",
    unit,
    "--no-pager",
    "-n",
    String(lines),
    "--output",
    output,
    ...limits,
    ...(flags.bool("follow") ? ["-f"] : []),
  ];
  return runInTerminal(await runOn(session, machine, command), io);
}

/** What to run here so that the command runs on the machine. */
async function runOn(session: Session, machine: Place, command: string[]): Promise<string[]> {
  const words = session.flags.bool("sudo") ? ["sudo", ...command] : command;
  if (await isHere(session, machine)) return words;
  return ["ssh", ...sshTo(session, addressed(machine)), shellLine(words)];
}

async function isHere({ io }: Session, { id }: Place): Promise<boolean> {
  const path = join(io.env["KEELSON_ROOT"] ?? "/", "etc/machine-id");
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trim() === id;
}

/** The machine's shell reads it. */
function shellLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w.@:/+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

function addressed(machine: Place): Place {
  if (machine.primaryIP !== "") return machine;
  throw notThere(machine, "the cluster knows no address of it; give its fleetd a public_ip");
}

function notThere({ id }: Place, why: string): Fault {
  return new Fault(
    "FLEET_UNREACHABLE",
    `Cannot ask machine ${id}, whose agent is the original's, by ssh: ${why}`,
  );
}
