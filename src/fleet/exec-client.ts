import { constants } from "node:os";
import type { SecureContextOptions } from "node:tls";
import { FAULTS, Fault, type FaultCode, reasonOf } from "#base/fault.ts";
import { parseTlsAddress } from "#base/listen.ts";
import { tlsReason } from "#base/tls-reason.ts";
import type { ExecRequest, ExecSize } from "./core/exec-frames.ts";
import { type ExecChannel, openExecChannel } from "./exec-channel.ts";
import { USER_HEADER } from "./http-request.ts";
import { httpUpgrade } from "./http-upgrade.ts";

/** Where a command is to run: beside a unit, on one of its machines where it has several, or on a machine. */
export type ExecTarget =
  | { readonly unit: string; readonly machineID?: string }
  | { readonly machineID: string };

export interface ExecClientOptions {
  readonly endpoints: readonly string[];
  /** Who asks, for the record. */
  readonly user?: string;
  readonly tls?: SecureContextOptions;
}

/** One run of a command elsewhere, as its caller sees it. */
export interface RemoteProgram extends Disposable {
  /** Resolves when more may be sent. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): Promise<void>;
  /** Tells its terminal, if it has one, how large that is now. */
  resize(size: ExecSize): Promise<void>;
  /**
   * Takes what it prints until it ends; resolves with its exit status, 128 and the number of the signal that ended it.
   * @throws {Fault} what the other side says it cannot be run for; FLEET_UNREACHABLE when the connection breaks
   */
  run(take: (stream: "stdout" | "stderr", bytes: Uint8Array) => Promise<void>): Promise<number>;
}

/**
 * Runs a command in a unit or on a machine, by the first endpoint that answers. It is started once: what happens behind
 * that is told, not repeated. Disposing of it ends the command.
 * @throws {Fault} FLEET_UNREACHABLE when no endpoint answers, FLEET_REFUSED when it is not allowed
 */
export async function openExec(
  { endpoints, user, tls }: ExecClientOptions,
  target: ExecTarget,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<RemoteProgram> {
  const headers = user === undefined ? {} : { [USER_HEADER]: user };
  const tried: string[] = [];
  for (const endpoint of endpoints) {
    const asked = { path: pathOf(target), headers };
    const answer = await httpUpgrade(parseTlsAddress(endpoint), asked, signal, tls).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        tried.push(`${endpoint} (${tlsReason(error) ?? reasonOf(error)})`);
      },
    );
    if (answer === undefined) continue;
    if ("refusal" in answer) throw refused(answer.status, answer.refusal);
    const channel = openExecChannel(answer.socket, answer.head);
    await channel.send("start", Buffer.from(JSON.stringify(request)));
    return remoteProgram(channel);
  }
  throw new Fault(
    "FLEET_UNREACHABLE",
    `Cannot reach fleet: no endpoint answered: ${tried.join(", ") || "none is configured"}; is fleetd running there?`,
  );
}

function remoteProgram(channel: ExecChannel): RemoteProgram {
  return {
    write: (bytes) => channel.send("stdin", bytes),
    endInput: () => channel.send("stdinEnd", new Uint8Array()),
    resize: (size) => channel.send("resize", Buffer.from(JSON.stringify(size))),
    async run(take) {
      for await (const { kind, payload } of channel.frames())
        if (kind === "stdout" || kind === "stderr") await take(kind, payload);
        else if (kind === "exit") return statusOf(payload);
        else if (kind === "error") throw failureOf(payload);
      throw new Fault(
        "FLEET_UNREACHABLE",
        "Cannot tell how the command ended: its machine is gone",
      );
    },
    [Symbol.dispose]: () => channel[Symbol.dispose](),
  };
}

function pathOf(target: ExecTarget): string {
  if (!("unit" in target)) return `/fleet/v1/machines/${encodeURIComponent(target.machineID)}/exec`;
  const { unit, machineID } = target;
  const where = machineID === undefined ? "" : `?machineID=${encodeURIComponent(machineID)}`;
  return `/fleet/v1/units/${encodeURIComponent(unit)}/exec${where}`;
}

function refused(status: number, message: string): Fault {
  const code = status === 404 ? "UNIT_NOT_FOUND" : status === 503 ? "STORE_UNAVAILABLE" : undefined;
  const text = message || `Cannot run a command: fleetd answered with HTTP status ${status}`;
  return new Fault(code ?? "FLEET_REFUSED", text, { facts: { status } });
}

function statusOf(payload: Uint8Array): number {
  const end = JSON.parse(Buffer.from(payload).toString("utf8")) as {
    status: number;
    signal?: NodeJS.Signals;
  };
  return end.signal === undefined ? end.status : 128 + constants.signals[end.signal];
}

function failureOf(payload: Uint8Array): Fault {
  const { code, message } = JSON.parse(Buffer.from(payload).toString("utf8")) as {
    code: string;
    message: string;
  };
  const known = Object.hasOwn(FAULTS, code) ? (code as FaultCode) : "FLEET_REFUSED";
  return new Fault(known, message);
}
