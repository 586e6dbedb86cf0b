import type { Clock } from "#base/clock.ts";
import type { HttpHandler } from "#base/http.ts";
import type { AuthGate } from "#keys/auth-gate.ts";
import { type Backup, encodeBackup } from "#keys/backup-file.ts";
import type { Routes } from "#keys/client-handler.ts";
import { allowMethod, answerText, splitTarget } from "#keys/http-answers.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Membership } from "#keys/membership.ts";
import type { LogSnapshot } from "#log/core/log.ts";

/** A cluster answers, or refuses, sooner. */
const READ_WITHIN_MS = 30_000;

/** Where a running member gives a backup of its store; not in etcd. */
export const BACKUP_PATH = "/keelson/backup";

/** The whole store as a file, for root only when authentication is on. */
export function backupRoutes(
  server: KeysServer,
  gate: AuthGate,
  member: { readonly membership: Membership; readonly name: string; readonly clock: Clock },
): Routes {
  const { membership, name, clock } = member;
  const handle: HttpHandler = (req, res) => {
    if (!allowMethod(req, res, ["GET"])) return;
    gate.checkRoot(req, (isRoot) => {
      if (!isRoot) {
        answerText(res, 401, "Insufficient credentials");
        return;
      }
      const isStale = splitTarget(req.target)[1] === "stale=true";
      void takeState(server, isStale).then(
        (snapshot) => {
          const takenAt = clock.now().toISOString();
          const { clusterId, selfId: memberId } = membership;
          const origin = { name, clusterId, memberId };
          const backup: Backup = { snapshot, term: server.term, takenAt, origin };
          res.begin(200, ["Content-Type", "application/x-ndjson"]);
          for (const line of encodeBackup(backup)) res.write(line);
          res.end();
        },
        (error: Error) => answerText(res, 503, error.message),
      );
    });
  };
  return { [BACKUP_PATH]: handle };
}

/** Unless an older state will do, one that has all that was acknowledged before: by a read with quorum. */
async function takeState(server: KeysServer, isStale: boolean): Promise<LogSnapshot> {
  const timeMs = server.nowMs();
  const read = { op: "get", key: "", recursive: false, sorted: false, timeMs } as const;
  if (!isStale) await server.propose(read, AbortSignal.timeout(READ_WITHIN_MS));
  return await server.takeSnapshot();
}
