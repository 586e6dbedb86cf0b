import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#base/clock.ts";
import { allowMethod, answerNotFound } from "#keys/http-answers.ts";
import type { KeysHttp } from "#keys/keys-http.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Member } from "#keys/member.ts";

/** The last etcd whose only API this was, and the cluster version it ran at; what clients decide features by. */
const VERSION = '{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}';

export interface MemberHttpOptions {
  readonly server: KeysServer;
  readonly keys: KeysHttp;
  readonly member: Member;
  readonly clusterId: string;
  readonly clock: Clock;
}

type Handle = (req: IncomingMessage, res: ServerResponse) => void;

/** What a member answers on its client addresses: the keys, and facts about itself. */
export function clientHandler(options: MemberHttpOptions): Handle {
  const { server, keys, member, clock } = options;
  const startTime = clock.now().toISOString();
  const startMs = clock.monotonicMs();
  const routes: Readonly<Record<string, Handle>> = {
    "/version": onGet((res) => answerJson(res, VERSION)),
    "/health": onGet((res) => {
      const isHealthy = server.writeFault === undefined;
      answer(res, isHealthy ? 200 : 503, `{"health":"${isHealthy}"}`, "text/plain; charset=utf-8");
    }),
    "/v2/machines": (req, res) => {
      if (allowMethod(req, res, ["GET", "HEAD"]))
        answer(res, 200, member.clientURLs.join(", "), "text/plain; charset=utf-8");
    },
    "/v2/stats/store": onGet((res) => answerJson(res, JSON.stringify(server.stats))),
    "/v2/stats/self": onGet((res) => {
      const uptime = `${(clock.monotonicMs() - startMs) / 1000}s`;
      answerJson(
        res,
        JSON.stringify({
          name: member.name,
          id: member.id,
          state: "StateLeader",
          startTime,
          leaderInfo: { leader: member.id, uptime, startTime },
          recvAppendRequestCnt: 0,
          sendAppendRequestCnt: 0,
        }),
      );
    }),
    "/v2/stats/leader": onGet((res) =>
      answerJson(res, JSON.stringify({ leader: member.id, followers: {} })),
    ),
  };
  return (req, res) => {
    if (keys.handle(req, res)) return;
    const path = pathOf(req);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route) route(req, res);
    else if (path === "/v2/members" || path.startsWith("/v2/members/"))
      answerMembers(options, req, res, path.slice("/v2/members".length).replace(/^\//, ""));
    else answerNotFound(res);
  };
}

/** What a member answers on its peer addresses: who is in the cluster, which proxies ask for. */
export function peerHandler({ member, clusterId }: MemberHttpOptions): Handle {
  // The id is a number of 64 bits, more than a number here can hold.
  const body = `[{"id":${BigInt(`0x${member.id}`)},${JSON.stringify({
    peerURLs: member.peerURLs,
    name: member.name,
    clientURLs: member.clientURLs,
  }).slice(1)}]\n`;
  const routes: Readonly<Record<string, Handle>> = {
    "/members": onGet((res) => {
      res.setHeader("X-Etcd-Cluster-Id", clusterId);
      answerJson(res, body);
    }),
    "/version": onGet((res) => answerJson(res, VERSION)),
  };
  return (req, res) => {
    const path = pathOf(req);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route) route(req, res);
    else answerNotFound(res);
  };
}

function answerMembers(
  { member, clusterId }: MemberHttpOptions,
  req: IncomingMessage,
  res: ServerResponse,
  rest: string,
): void {
  if (!allowMethod(req, res, ["GET"])) return;
  res.setHeader("X-Etcd-Cluster-Id", clusterId);
  if (rest === "") answerJson(res, `${JSON.stringify({ members: [member] })}\n`);
  else if (rest === "leader") answerJson(res, `${JSON.stringify(member)}\n`);
  else answer(res, 404, '{"message":"Not found"}', "application/json");
}

function onGet(reply: (res: ServerResponse) => void): Handle {
  return (req, res) => {
    if (allowMethod(req, res, ["GET"])) reply(res);
  };
}

function answerJson(res: ServerResponse, body: string): void {
  answer(res, 200, body, "application/json");
}

function answer(res: ServerResponse, status: number, body: string, contentType: string): void {
  res.setHeader("Content-Type", contentType);
  res.setHeader("Content-Length", Buffer.byteLength(body));
  res.statusCode = status;
  res.end(body);
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? "/").split("?", 1)[0] ?? "/";
}
