import type { Clock } from "#base/clock.ts";
import { onGet, type Routes } from "#keys/client-handler.ts";
import { answerJson, answerPlain } from "#keys/http-answers.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Member } from "#keys/member.ts";
import type { Membership } from "#keys/membership.ts";

/** The last etcd whose only API this was, and the cluster version it ran at; what clients decide features by. */
export const VERSION = '{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}';

/** What a member tells of itself: its version, health and statistics, and the addresses of the machines. */
export function statsRoutes(
  server: KeysServer,
  self: Pick<Member, "id" | "name">,
  membership: Membership,
  clock: Clock,
): Routes {
  const startTime = clock.now().toISOString();
  const startMs = clock.monotonicMs();
  return {
    "/version": onGet((res) => answerJson(res, 200, VERSION)),
    "/health": onGet((res) => {
      const isHealthy = server.writeFault === undefined;
      answerPlain(res, isHealthy ? 200 : 503, `{"health":"${isHealthy}"}`);
    }),
    "/v2/stats/store": onGet((res) => answerJson(res, 200, JSON.stringify(server.stats))),
    "/v2/stats/self": onGet((res) => {
      void membership.view().then(({ leaderId }) => {
        const uptime = `${(clock.monotonicMs() - startMs) / 1000}s`;
        const stats = {
          ...{ name: self.name, id: self.id },
          state: leaderId === self.id ? "StateLeader" : "StateFollower",
          startTime,
          leaderInfo: { leader: leaderId ?? "", uptime, startTime },
          recvAppendRequestCnt: 0,
          sendAppendRequestCnt: 0,
        };
        answerJson(res, 200, JSON.stringify(stats));
      });
    }),
    "/v2/stats/leader": onGet((res) => {
      void membership.view().then(({ leaderId }) => {
        if (leaderId === self.id)
          answerJson(res, 200, JSON.stringify({ leader: self.id, followers: {} }));
        else answerJson(res, 403, '{"message":"not current leader"}');
      });
    }),
  };
}
