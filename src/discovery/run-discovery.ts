import type { Clock } from "#base/clock.ts";
import type { Fault } from "#base/fault.ts";
import { openHttpServer } from "#base/http-server.ts";
import type { Address } from "#base/listen.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { aborted } from "#base/shutdown.ts";
import type { ServerTls } from "#base/tls.ts";
import { openKeysClient } from "#keys/client.ts";
import { type Routes, routeHandler } from "#keys/client-handler.ts";
import type { Keys } from "#keys/keys.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { EmbeddedLog } from "#log/embedded-log.ts";
import { discoveryRoutes } from "./discovery-http.ts";
import { Registry } from "./registry.ts";

/** Where tokens are kept: in a store of the service's own, or in one that runs already. */
export type TokenStore =
  | { readonly kind: "own"; readonly dataDir: string }
  | { readonly kind: "etcd"; readonly endpoints: readonly string[] };

export interface RunDiscoveryOptions {
  readonly listen: readonly Address[];
  /** For addresses that say https. */
  readonly tls?: ServerTls | undefined;
  readonly store: TokenStore;
  /** What its URLs begin with; by default the host that a request names. */
  readonly url?: string | undefined;
  readonly ttlSeconds: number;
  readonly takesOver: boolean;
  readonly newPerHour: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Called when every address listens. */
  readonly onListening: (addresses: readonly Address[]) => Promise<void>;
}

/**
 * Runs the discovery service until the signal aborts; then ends cleanly.
 * @throws {Fault} ADDRESS_IN_USE, LOG_CORRUPT, LOG_IO, FILE_UNWRITABLE, CONFIG_INVALID
 */
export async function runDiscovery(
  options: RunDiscoveryOptions,
  signal: AbortSignal,
): Promise<void> {
  const { store, logger } = options;
  await using stack = new AsyncDisposableStack();
  const routes = openDiscovery(options, stack, signal);
  const addresses: Address[] = [];
  for (const address of options.listen) {
    const server = await openHttpServer(address, routeHandler(routes), options.tls);
    addresses.push(stack.use(server).address);
  }
  logger.info({ addresses, store }, "serving discovery");
  await options.onListening(addresses);
  await aborted(signal);
  logger.info("stopping");
}

/**
 * What a discovery service answers, for a server of the caller's.
 * @param stack what is opened for it is given to that, to be closed after the server
 * @throws {Fault} LOG_CORRUPT, LOG_IO, FILE_UNWRITABLE, CONFIG_INVALID
 */
export function openDiscovery(
  options: Omit<RunDiscoveryOptions, "onListening" | "tls">,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Routes {
  const { store, ttlSeconds, takesOver, listen } = options;
  const keys = openStore(options, stack);
  const registry = new Registry({ keys, ttlSeconds, takesOver, isCluster: store.kind === "etcd" });
  const isSecure = listen.every((address) => address.kind === "tcp" && address.secure);
  return discoveryRoutes({ ...options, registry, isSecure, signal });
}

function openStore(
  {
    store,
    logger,
    clock,
    random,
  }: Pick<RunDiscoveryOptions, "store" | "logger" | "clock" | "random">,
  stack: AsyncDisposableStack,
): Keys {
  switch (store.kind) {
    case "own": {
      const log = stack.use(EmbeddedLog.open(store.dataDir));
      const onFault = (err: Fault) => logger.error({ err }, "log failed");
      return new LocalKeys(stack.use(new KeysServer(log, { clock, random, onFault })));
    }
    case "etcd":
      return stack.use(openKeysClient({ endpoints: store.endpoints, clock, random }));
    default:
      return store satisfies never;
  }
}
