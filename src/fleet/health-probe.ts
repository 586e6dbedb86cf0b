import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { reasonOf } from "#base/fault.ts";
import { startAttached } from "#systemd/attached-process.ts";
import type { Environment } from "#systemd/child.ts";
import { asLogin, besides, findAccount } from "#systemd/surroundings.ts";
import { findUnitProcess } from "#systemd/unit-process.ts";
import { type HealthCheck, splitTcp } from "#unitfile/core/health-policy.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";

/** Makes checks of units on this machine. */
export interface HealthProbe {
  /**
   * Makes one check; resolves with why it failed, in a line, or with undefined when it passed. The check's specifiers are
   * expanded. Takes as long as the check does: whoever asks sets the limit, and then it leaves no process behind.
   */
  check(check: HealthCheck, unit: UnitName, signal: AbortSignal): Promise<string | undefined>;
}

const OUTPUT_CHARACTERS_MAX = 4_096;
const LINE_CHARACTERS_MAX = 200;

/** Checks by HTTP, TCP and programs. */
export function openHealthProbe(options: {
  readonly scope: "system" | "user";
  readonly env: Environment;
}): HealthProbe {
  return {
    async check(check, unit, signal) {
      try {
        switch (check.kind) {
          case "http":
            return await checkHttp(check.text, signal);
          case "tcp":
            return await checkTcp(check.text, signal);
          case "command":
            return await checkCommand(check.text, unit, options, signal);
          default:
            return check satisfies never;
        }
      } catch (error) {
        signal.throwIfAborted();
        return reasonOf(error) || "it failed without saying why";
      }
    },
  };
}

async function checkHttp(url: string, signal: AbortSignal): Promise<string | undefined> {
  const isSecure = /^https:/i.test(url);
  const sent = isSecure
    ? httpsRequest(url, { signal, agent: false, rejectUnauthorized: false })
    : httpRequest(url, { signal, agent: false });
  sent.end();
  const [answer] = (await once(sent, "response", { signal })) as [IncomingMessage];
  answer.on("error", () => {}); // its body does not matter
  answer.destroy();
  const status = answer.statusCode ?? 0;
  return status >= 200 && status < 400 ? undefined : `HTTP status ${status} from ${url}`;
}

async function checkTcp(text: string, signal: AbortSignal): Promise<string | undefined> {
  const address = splitTcp(text);
  if (address === undefined) return `"${text}" is no address of a port`;
  const socket = connect(address);
  try {
    await once(socket, "connect", { signal });
    return undefined;
  } finally {
    socket.destroy();
  }
}

async function checkCommand(
  text: string,
  unit: UnitName,
  options: { readonly scope: "system" | "user"; readonly env: Environment },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { pid, user } = await findUnitProcess(unit, options, signal);
  const argv = ["/bin/sh", "-c", text] as const;
  const launch =
    pid === undefined
      ? asLogin(
          argv,
          await findAccount(user || String(process.getuid?.() ?? 0), options.env, signal),
          options.env,
        )
      : await besides(pid, [...argv], undefined);
  await using program = await startAttached(launch, signal);
  const { child } = program;
  child.stdin.end();
  let output = "";
  const take = (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    const end = await Promise.race([program.ended, aborted.promise]);
    if (end.status === 0 && end.signal === undefined) return undefined;
    const how = end.signal ? `ended by ${end.signal}` : `exit status ${end.status}`;
    const line = lastLine(output);
    return line === "" ? how : `${how}: ${line}`;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return (lines.findLast((line) => line !== "") ?? "").slice(0, LINE_CHARACTERS_MAX);
}
