import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { openHttpServer } from "#base/http-server.ts";
import type { Address } from "#base/listen.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { AuthGate } from "#keys/auth-gate.ts";
import { authRoutes } from "#keys/auth-http.ts";
import { clientHandler } from "#keys/client-handler.ts";
import { KeysHttp } from "#keys/keys-http.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { clusterId, memberId } from "#keys/member.ts";
import { membersRoutes, peerHandler } from "#keys/members-http.ts";
import { statsRoutes } from "#keys/stats-http.ts";
import { EmbeddedLog } from "#log/embedded-log.ts";

export interface MemberOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly listenClient: readonly Address[];
  readonly listenPeer: readonly Address[];
  readonly clientURLs: readonly string[];
  readonly peerURLs: readonly string[];
  /** Tells clusters with equal addresses apart (initial-cluster-token). */
  readonly token: string;
  /** Whether this member shall join a cluster that runs already. */
  readonly isJoining: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Called when every address listens. */
  readonly onListening: () => Promise<void>;
}

/**
 * Runs a store of one member with the embedded log until the signal aborts; then ends cleanly.
 * @throws {Fault} ADDRESS_IN_USE, LOG_CORRUPT, LOG_IO, FILE_UNWRITABLE, CONFIG_INVALID
 */
export async function runMember(options: MemberOptions, signal: AbortSignal): Promise<void> {
  const { logger, clock, random } = options;
  await using stack = new AsyncDisposableStack();
  const fronts = stack.use(new AsyncDisposableStack());
  const log = stack.use(EmbeddedLog.open(options.dataDir));
  const onFault = (err: Fault) => logger.error({ err }, "log failed");
  const server = stack.use(new KeysServer(log, { clock, random, onFault }));
  const identity = await readIdentity(options);
  const member = {
    id: identity.id,
    name: options.name,
    peerURLs: identity.peerURLs,
    clientURLs: options.clientURLs,
  };
  const gate = new AuthGate(server);
  const keys = new KeysHttp(server, gate, identity.clusterId);
  const routes = {
    ...statsRoutes(server, member, clock),
    ...authRoutes(server, gate, identity.clusterId),
    ...membersRoutes(member, identity.clusterId),
  };
  const parts = [
    [options.listenClient, clientHandler(keys, routes)],
    [options.listenPeer, peerHandler(member, identity.clusterId)],
  ] as const;
  for (const [addresses, handle] of parts)
    for (const address of addresses) fronts.use(await openHttpServer(address, handle));
  logger.info(
    { name: options.name, dataDir: options.dataDir, index: server.etcdIndex, id: member.id },
    "serving the store",
  );
  await options.onListening();
  await aborted(signal);
  logger.info("stopping");
}

const Identity = v.object({
  id: v.pipe(v.string(), v.regex(/^[1-9a-f][0-9a-f]{0,15}$/)),
  clusterId: v.string(),
  peerURLs: v.array(v.string()),
});
type Identity = v.InferOutput<typeof Identity>;

/** Who this member is, as decided when its data directory was new; settings of the first start do not change it. */
async function readIdentity(options: MemberOptions): Promise<Identity> {
  const path = join(options.dataDir, "member.json");
  const text = readIfThere(path);
  if (text !== undefined) {
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), Identity), text);
    if (read.success) return read.output;
    throw new Fault(
      "LOG_CORRUPT",
      `Cannot read ${path}: ${read.issues[0].message}; restore it from a backup`,
    );
  }
  if (options.isJoining)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot join a cluster as ${options.name}: initial-cluster-state is existing, but ${options.dataDir} holds no member and initial-cluster names no other; use new`,
    );
  const id = memberId(options.peerURLs, options.token);
  const identity = { id, clusterId: clusterId([id]), peerURLs: [...options.peerURLs] };
  await writeFileAtomic(path, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
  return identity;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
