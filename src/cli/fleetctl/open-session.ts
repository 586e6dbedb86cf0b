import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";
import { Api } from "./api.ts";
import { endpointsOf } from "./endpoints.ts";
import type { Flags } from "./flags.ts";
import type { Session } from "./session.ts";

const TIMEOUT_MAX_MS = 86_400_000; // a day; timers of Node end at 25 days
const MADE_BY_KEELSON = 'With machines made by keelson, run this first: eval "$(keelson env)"';

/** Makes ready what a command works with. The API's endpoints are looked at when a command first needs it. */
export function openSession(given: Pick<Session, "flags" | "args">, io: Io, clock: Clock): Session {
  const err = (line: string) => void io.stderr.write(`${line}\n`);
  const out = (line: string) => void io.stdout.write(`${line}\n`);
  let opened: Api | undefined;
  return {
    ...given,
    io,
    clock,
    err,
    out,
    get api() {
      opened ??= openApi(given.flags, io, clock);
      return opened;
    },
  };
}

/** @throws {Fault} USAGE for global flags that cannot be used. */
function openApi(flags: Flags, io: Io, clock: Clock): Api {
  const timeoutMs = flags.number("request-timeout") * 1000;
  if (timeoutMs <= 0 || timeoutMs > TIMEOUT_MAX_MS)
    throw new Fault(
      "USAGE",
      `Cannot use --request-timeout=${timeoutMs / 1000}: expected seconds, above 0 and at most ${TIMEOUT_MAX_MS / 1000}`,
    );
  const endpoints = endpointsOf(flags, io.env);
  const openClient = async () =>
    (await import("#fleet/client.ts")).openFleetClient({ endpoints, timeoutMs });
  const trace = (text: string) => void io.stderr.write(`DEBUG ${text}\n`);
  return new Api(openClient, {
    endpoints,
    unreachableHint:
      flags.text("endpoint") === "" && !io.env["KEELSON_ROOT"] ? MADE_BY_KEELSON : undefined,
    timeoutMs,
    clock,
    trace: flags.bool("debug") ? trace : undefined,
    signal: io.signal,
  });
}
