import type { Clock } from "#base/clock.ts";
import type { HttpResponse } from "#base/http.ts";
import { onGet, type Routes } from "#keys/client-handler.ts";
import { goDuration } from "#keys/core/go-duration.ts";
import { answerJson, answerPlain } from "#keys/http-answers.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Member } from "#keys/member.ts";
import type { Membership } from "#keys/membership.ts";

/** The last etcd whose only API this was, and the cluster version it ran at; what clients decide features by. */
export const SERVER_VERSION = "2.3.8";
export const CLUSTER_VERSION = "2.3.0";
export const VERSION = `{"etcdserver":"${SERVER_VERSION}","etcdcluster":"${CLUSTER_VERSION}"}`;

/** How often `/health` said what. */
export interface HealthCounts {
  succeeded: number;
  failed: number;
}

export interface Telling {
  readonly server: KeysServer;
  readonly self: Pick<Member, "id" | "name">;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly health: HealthCounts;
}

/**
 * What a member tells of itself: its version, health and statistics. Of several members, the traffic between them is
 * what the real etcd measures, in its words.
 */
export function statsRoutes({ server, self, membership, clock, health }: Telling): Routes {
  const startTime = clock.now().toISOString();
  const startMs = clock.monotonicMs();

  const tellHealth = async (res: HttpResponse): Promise<void> => {
    const { leaderId } = await membership.view();
    const isHealthy = server.writeFault === undefined && leaderId !== undefined;
    health[isHealthy ? "succeeded" : "failed"] += 1;
    answerPlain(res, isHealthy ? 200 : 503, `{"health":"${isHealthy}"}`);
  };

  const tellSelf = async (res: HttpResponse): Promise<void> => {
    const measured = await membership.askEngine("/v2/stats/self");
    if (measured?.status === 200) {
      answerJson(res, 200, measured.body);
      return;
    }
    const { leaderId, members } = await membership.view();
    const { name, id } = self;
    const state = leaderId === id ? "StateLeader" : "StateFollower";
    // Alone it has led, and sent nothing, from the start; of several members only etcd knows.
    const leaderInfo =
      members.length === 1
        ? { leader: id, uptime: goDuration(clock.monotonicMs() - startMs), startTime }
        : { leader: leaderId ?? "" };
    const counts = members.length === 1 ? { recvAppendRequestCnt: 0, sendAppendRequestCnt: 0 } : {};
    answerJson(res, 200, JSON.stringify({ name, id, state, startTime, leaderInfo, ...counts }));
  };

  const tellLeader = async (res: HttpResponse): Promise<void> => {
    const measured = await membership.askEngine("/v2/stats/leader");
    if (measured?.status === 200 || measured?.status === 403) {
      answerJson(res, measured.status, measured.body);
      return;
    }
    const { leaderId } = await membership.view();
    if (leaderId === self.id)
      answerJson(res, 200, JSON.stringify({ leader: self.id, followers: {} }));
    else answerJson(res, 403, '{"message":"not current leader"}');
  };

  return {
    "/version": onGet((res) => answerJson(res, 200, VERSION)),
    "/health": onGet((res) => void tellHealth(res)),
    "/v2/stats/store": onGet((res) => answerJson(res, 200, JSON.stringify(server.stats))),
    "/v2/stats/self": onGet((res) => void tellSelf(res)),
    "/v2/stats/leader": onGet((res) => void tellLeader(res)),
  };
}
