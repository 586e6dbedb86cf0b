import type { HttpHandler } from "#base/http.ts";
import { onGet, type Routes, routeHandler } from "#keys/client-handler.ts";
import { allowMethod, answerJson } from "#keys/http-answers.ts";
import type { Member } from "#keys/member.ts";
import { VERSION } from "#keys/stats-http.ts";

/** `/v2/members`, as etcd's members API has it. */
export function membersRoutes(member: Member, clusterId: string): Routes {
  const handle: HttpHandler = (req, res) => {
    if (!allowMethod(req, res, ["GET"])) return;
    res.addHeaders(["X-Etcd-Cluster-Id", clusterId]);
    const rest = req.target.slice("/v2/members".length).replace(/^\/|\?.*/g, "");
    if (rest === "") answerJson(res, 200, `${JSON.stringify({ members: [member] })}\n`);
    else if (rest === "leader") answerJson(res, 200, `${JSON.stringify(member)}\n`);
    else answerJson(res, 404, '{"message":"Not found"}');
  };
  return { "/v2/members": handle, "/v2/members/": handle };
}

/** What a member answers on its peer addresses: who is in the cluster, which proxies ask for. */
export function peerHandler(member: Member, clusterId: string): HttpHandler {
  // The id is a number of 64 bits, more than a number here can hold.
  const body = `[{"id":${BigInt(`0x${member.id}`)},${JSON.stringify({
    peerURLs: member.peerURLs,
    name: member.name,
    clientURLs: member.clientURLs,
  }).slice(1)}]\n`;
  return routeHandler({
    "/members": onGet((res) => {
      res.addHeaders(["X-Etcd-Cluster-Id", clusterId]);
      answerJson(res, 200, body);
    }),
    "/version": onGet((res) => answerJson(res, 200, VERSION)),
  });
}
