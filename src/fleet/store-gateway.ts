import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock as clock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { followClientTls } from "#base/tls.ts";
import { openKeysClient } from "#keys/client.ts";
import { openMirror } from "#keys/mirror.ts";
import { ApiRefusal } from "./api-answer.ts";
import type { ApiContext } from "./api-context.ts";
import { openApiServer } from "./api-server.ts";
import { ClusterFeed } from "./cluster-feed.ts";
import { eventDirectory } from "./core/event-record.ts";
import { FleetKeys } from "./core/fleet-keys.ts";
import type { MachineId } from "./core/machine-id.ts";
import { EventHistory } from "./event-history.ts";
import { LivenessDesk } from "./liveness-desk.ts";
import { httpProbe } from "./machine-probe.ts";
import { OriginalRestarts } from "./original-restarts.ts";
import { Registry } from "./registry.ts";
import { StoredEvents } from "./stored-events.ts";
import type { UnitConsole } from "./unit-console.ts";

export interface StoreGatewayOptions {
  /** URLs of the store, or unix sockets. */
  readonly servers: readonly string[];
  readonly keyPrefix: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  readonly requestTimeoutMs: number;
  readonly version: string;
}

export interface StoreGateway extends AsyncDisposable {
  /** Where the API is, for a client of this process. */
  readonly endpoint: string;
}

/** No machine has this id: the gateway runs nothing. */
const NOWHERE = "0".repeat(32) as MachineId;
const PRESENCE = { ttlMs: 6_000, holdMs: 60_000 };
const PAGE = 5_000;

/**
 * The fleet API over a store, without a fleetd: what is asked for is read from and written to the store right here.
 * Status and journal are refused as by a daemon that has no such requests. It is there once the cluster was read.
 * @throws {Fault} CONFIG_INVALID
 */
export async function openStoreGateway(
  options: StoreGatewayOptions,
  signal: AbortSignal,
): Promise<StoreGateway> {
  const { servers, keyPrefix, tls, requestTimeoutMs, version } = options;
  const logger = openLogger("silent");
  const random = Math.random;
  await using stack = new AsyncDisposableStack();
  const keys = stack.use(
    openKeysClient({
      endpoints: servers,
      requestTimeoutMs,
      connectTimeoutMs: requestTimeoutMs,
      tls: followClientTls(
        { certFile: tls.certFile, keyFile: tls.keyFile, caFiles: [tls.caFile] },
        logger,
      ),
    }),
  );
  const at = new FleetKeys(keyPrefix);
  const mirror = stack.use(openMirror(keys, at.prefix, { clock, random }));
  const feed = new ClusterFeed({ mirror, keys: at, presence: PRESENCE, clock, logger });
  const directory = eventDirectory(at.prefix);
  const shared = { keys, directory, me: NOWHERE, clock, random, logger };
  const events = new StoredEvents(shared);
  const end = new AbortController();
  const running = Promise.allSettled([
    feed.run(async () => undefined, end.signal),
    events.run(end.signal),
  ]);
  stack.defer(async () => {
    end.abort();
    await running;
  });
  await mirror.whenFollowing(signal);
  const context: ApiContext = {
    me: NOWHERE,
    feed,
    registry: new Registry(keys, at),
    events,
    history: new EventHistory(keys, directory, clock),
    metrics: () => "",
    liveness: new LivenessDesk({ me: NOWHERE, instance: "", feed, probe: httpProbe, clock }),
    console: NO_CONSOLE,
    machineConsole: {
      start: () => Promise.reject(new ApiRefusal(404, "")),
      resize: () => Promise.resolve(),
    },
    apiExec: "none",
    leave: () => Promise.reject(new ApiRefusal(404, "")),
    pageSize: PAGE,
    restarts: new OriginalRestarts(clock),
    version,
    clock,
    logger,
  };
  const socket = await mkdtemp(join(tmpdir(), "keelson-gateway-"));
  // Also when the program ends without closing what it opened, as when nobody reads its output any more.
  const remove = () => rmSync(socket, { recursive: true, force: true });
  process.once("exit", remove);
  stack.defer(() => {
    process.off("exit", remove);
    remove();
  });
  const path = join(socket, "fleet.sock");
  stack.use(await openApiServer(context, [{ kind: "unix", path }]));
  const owned = stack.move();
  return { endpoint: `unix://${path}`, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const NO_CONSOLE: UnitConsole = {
  status: () => Promise.reject(new ApiRefusal(404, "")),
  // oxlint-disable-next-line require-yield
  async *journal() {
    throw new ApiRefusal(404, "");
  },
};
