import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { VERSION } from "#cli/keelson/help.ts";
import type { Io } from "#cli/program.ts";
import type { StoreGateway } from "#fleet/store-gateway.ts";
import { Api } from "./api.ts";
import { userAtHost } from "./asker.ts";
import { endpointsOf } from "./endpoints.ts";
import type { Flags } from "./flags.ts";
import { jsonError, jsonWarning } from "./json.ts";
import type { Session } from "./session.ts";
import { parseSshTarget, sshOptions } from "./ssh-options.ts";
import type { Tunnel } from "./tunnel.ts";

const TIMEOUT_MAX_MS = 86_400_000; // a day; timers of Node end at 25 days
const MADE_BY_KEELSON = 'With machines made by keelson, run this first: eval "$(keelson env)"';

/**
 * Makes ready what a command works with. The API's endpoints are looked at, and the tunnel to them opened, when a
 * command first needs them.
 */
export function openSession(
  given: Pick<Session, "flags" | "args" | "isOriginal">,
  io: Io,
  clock: Clock,
): Session & AsyncDisposable {
  const inJson = given.flags.isOn("json");
  const err: Session["err"] = (line, code) =>
    void io.stderr.write(inJson ? jsonError(line, code) : `${line}\n`);
  const warn = (lines: string) => void io.stderr.write(inJson ? jsonWarning(lines) : `${lines}\n`);
  const out = (line: string) => void io.stdout.write(`${line}\n`);
  let opened: Api | undefined;
  const owned = new AsyncDisposableStack();
  return {
    ...given,
    io,
    clock,
    err,
    warn,
    out,
    get api() {
      opened ??= openApi(given, io, clock, owned);
      return opened;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** @throws {Fault} USAGE for global flags that cannot be used. */
function openApi(
  { flags, isOriginal }: Pick<Session, "flags" | "isOriginal">,
  io: Io,
  clock: Clock,
  owned: AsyncDisposableStack,
): Api {
  const timeoutMs = flags.number("request-timeout") * 1000;
  if (timeoutMs <= 0 || timeoutMs > TIMEOUT_MAX_MS)
    throw new Fault(
      "USAGE",
      `Cannot use --request-timeout=${timeoutMs / 1000}: expected seconds, above 0 and at most ${TIMEOUT_MAX_MS / 1000}`,
    );
  const endpoints = endpointsOf(flags, io.env);
  const target = flags.text("tunnel");
  const through = target === "" ? undefined : parseSshTarget(target, "--tunnel");
  if (through !== undefined) sshOptions(through, flags); // what they cannot be is said at once
  let tunnel: Tunnel | undefined;
  const openClient = async () => {
    if (through !== undefined) {
      const { openTunnel } = await import("./tunnel.ts");
      tunnel = owned.use(await openTunnel({ target: through, flags, endpoints, clock }, io.signal));
    }
    const { openFleetClient } = await import("#fleet/client.ts");
    const user = userAtHost(io.env);
    const reached = tunnel?.endpoints ?? endpoints;
    if (flags.text("driver") !== "etcd") {
      const tls = await tlsFor(reached, flags);
      return openFleetClient({ endpoints: reached, timeoutMs, user, ...(tls && { tls }) });
    }
    const gateway = owned.use(await openGateway(flags, reached, io.signal));
    return openFleetClient({ endpoints: [gateway.endpoint], timeoutMs, user });
  };
  const trace = (text: string) => void io.stderr.write(`DEBUG ${text}\n`);
  return new Api(openClient, {
    endpoints,
    explain: async (message) => {
      if (tunnel !== undefined) return await tunnel.explain(message);
      const isHere = through === undefined && flags.text("endpoint") === "";
      return isHere && !io.env["KEELSON_ROOT"] ? `${message} ${MADE_BY_KEELSON}` : message;
    },
    isOriginal,
    timeoutMs,
    clock,
    trace: flags.bool("debug") ? trace : undefined,
    signal: io.signal,
  });
}

function tlsFiles(flags: Flags) {
  return {
    certFile: flags.text("cert-file"),
    keyFile: flags.text("key-file"),
    caFile: flags.text("ca-file"),
  };
}

/** @throws {Fault} FILE_UNREADABLE, CONFIG_INVALID for files that cannot be used */
async function tlsFor(endpoints: readonly string[], flags: Flags) {
  if (!endpoints.some((endpoint) => endpoint.startsWith("https:"))) return undefined;
  const { clientTls } = await import("#base/tls.ts");
  const { caFile, ...pair } = tlsFiles(flags);
  return clientTls({ ...pair, caFiles: [caFile] });
}

/** The store in the place of a fleetd: reached within the time of a request, or not at all. */
async function openGateway(
  flags: Flags,
  servers: readonly string[],
  signal: AbortSignal,
): Promise<StoreGateway> {
  const { openStoreGateway } = await import("#fleet/store-gateway.ts");
  const requestTimeoutMs = flags.number("request-timeout") * 1000;
  const tls = tlsFiles(flags);
  const keyPrefix = flags.text("etcd-key-prefix");
  const options = { servers, keyPrefix, tls, requestTimeoutMs, version: VERSION };
  const limit = AbortSignal.timeout(requestTimeoutMs);
  return openStoreGateway(options, AbortSignal.any([signal, limit])).catch((cause: unknown) => {
    if (!limit.aborted || signal.aborted) throw cause;
    throw new Fault(
      "STORE_UNAVAILABLE",
      `Cannot reach the store at ${servers.join(" or ")} within ${requestTimeoutMs / 1000} s; see whether it runs, and --endpoint`,
      { cause },
    );
  });
}
