import type { Clock } from "#base/clock.ts";
import { onGet, type Routes } from "#keys/client-handler.ts";
import { allowMethod, answerJson, answerPlain } from "#keys/http-answers.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Member } from "#keys/member.ts";

/** The last etcd whose only API this was, and the cluster version it ran at; what clients decide features by. */
export const VERSION = '{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}';

/** What a member tells of itself: its version, health and statistics, and the addresses of the machines. */
export function statsRoutes(server: KeysServer, member: Member, clock: Clock): Routes {
  const startTime = clock.now().toISOString();
  const startMs = clock.monotonicMs();
  return {
    "/version": onGet((res) => answerJson(res, 200, VERSION)),
    "/health": onGet((res) => {
      const isHealthy = server.writeFault === undefined;
      answerPlain(res, isHealthy ? 200 : 503, `{"health":"${isHealthy}"}`);
    }),
    "/v2/machines": (req, res) => {
      if (allowMethod(req, res, ["GET", "HEAD"]))
        answerPlain(res, 200, member.clientURLs.join(", "));
    },
    "/v2/stats/store": onGet((res) => answerJson(res, 200, JSON.stringify(server.stats))),
    "/v2/stats/self": onGet((res) => {
      const uptime = `${(clock.monotonicMs() - startMs) / 1000}s`;
      const self = {
        name: member.name,
        id: member.id,
        state: "StateLeader",
        startTime,
        leaderInfo: { leader: member.id, uptime, startTime },
        recvAppendRequestCnt: 0,
        sendAppendRequestCnt: 0,
      };
      answerJson(res, 200, JSON.stringify(self));
    }),
    "/v2/stats/leader": onGet((res) =>
      answerJson(res, 200, JSON.stringify({ leader: member.id, followers: {} })),
    ),
  };
}
