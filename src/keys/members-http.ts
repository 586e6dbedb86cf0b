import type { HttpRequest, HttpResponse } from "#base/http.ts";
import type { AuthGate } from "#keys/auth-gate.ts";
import { onGet, type Routes, routeHandler } from "#keys/client-handler.ts";
import { parseMemberId, parsePeerUrls } from "#keys/core/peer-urls.ts";
import { allowMethod, answerJson, answerText, splitTarget } from "#keys/http-answers.ts";
import type { Member } from "#keys/member.ts";
import { type MemberRefusal, type Membership, unknownMember } from "#keys/membership.ts";
import { VERSION } from "#keys/stats-http.ts";

const PATH = "/v2/members";
const BODY_MAX_BYTES = 1 << 20;

/** `/v2/members`, as etcd's members API has it, and `/v2/machines`. */
export function membersRoutes(membership: Membership, gate: AuthGate): Routes {
  const handle = (req: HttpRequest, res: HttpResponse): void => {
    if (!allowMethod(req, res, ["GET", "POST", "DELETE", "PUT"])) return;
    if (req.method === "GET") serve(req, res);
    else
      gate.checkRoot(req, (isRoot) => {
        if (isRoot) serve(req, res);
        else refuse(res, 401, "Insufficient credentials");
      });
  };
  const serve = (req: HttpRequest, res: HttpResponse): void => {
    res.addHeaders(["X-Etcd-Cluster-Id", membership.clusterId]);
    const [path] = splitTarget(req.target);
    const rest = path.slice(PATH.length).replace(/^\//, "");
    switch (req.method) {
      case "GET":
        void tell(membership, rest, res);
        return;
      case "POST":
        withPeerUrls(req, res, (urls) => void add(membership, urls, res));
        return;
      default:
        change(membership, rest, req, res);
    }
  };
  return {
    [PATH]: handle,
    [`${PATH}/`]: handle,
    "/v2/machines": (req, res) => {
      if (allowMethod(req, res, ["GET", "HEAD"])) void tellMachines(membership, res);
    },
  };
}

async function tell(membership: Membership, rest: string, res: HttpResponse): Promise<void> {
  const { members, leaderId } = await membership.view();
  if (rest === "") answerLine(res, 200, { members: members.map(asTold) });
  else if (rest === "leader") {
    const leader = members.find(({ id }) => id === leaderId);
    if (leader === undefined) refuse(res, 503, "During election");
    else answerLine(res, 200, asTold(leader));
  } else refuse(res, 404, "Not found");
}

async function add(
  membership: Membership,
  peerUrls: readonly string[],
  res: HttpResponse,
): Promise<void> {
  let isGone = false;
  res.onClose(() => (isGone = true));
  const added = await membership.add(peerUrls, () => !isGone);
  if ("status" in added) answerRefusal(res, added);
  else answerLine(res, 201, asTold(added));
}

function change(membership: Membership, rest: string, req: HttpRequest, res: HttpResponse): void {
  if (rest === "") {
    answerText(res, 405, "Method Not Allowed");
    return;
  }
  const id = parseMemberId(rest);
  const settle = (refusal: MemberRefusal | undefined): void => {
    if (refusal === undefined) res.send(204, [], "");
    else answerRefusal(res, refusal);
  };
  if (id === undefined) settle(unknownMember(rest));
  else if (req.method === "DELETE") void membership.remove(id).then(settle);
  else withPeerUrls(req, res, (urls) => void membership.update(id, urls).then(settle));
}

function withPeerUrls(
  req: HttpRequest,
  res: HttpResponse,
  act: (peerUrls: readonly string[]) => void,
): void {
  const type = req.header("content-type")?.split(";")[0] ?? "";
  if (type !== "application/json") {
    refuse(res, 415, `Bad Content-Type ${type}, accept application/json`);
    return;
  }
  req.readBody(BODY_MAX_BYTES, (body = "") => {
    const urls = parsePeerUrls(body);
    if ("message" in urls) refuse(res, 400, urls.message);
    else act(urls);
  });
}

async function tellMachines(membership: Membership, res: HttpResponse): Promise<void> {
  const { members } = await membership.view();
  const urls = members.flatMap(({ clientURLs }) => clientURLs).toSorted();
  res.send(200, ["Content-Type", "text/plain; charset=utf-8"], urls.join(", "));
}

/** What a member answers on its peer addresses when no etcd does: who is in the cluster, which proxies ask for. */
export function peerHandler(membership: Membership): ReturnType<typeof routeHandler> {
  const answer = async (res: HttpResponse): Promise<void> => {
    const { members } = await membership.view();
    res.addHeaders(["X-Etcd-Cluster-Id", membership.clusterId]);
    answerJson(res, 200, `[${members.map(asNumbered).join(",")}]\n`);
  };
  return routeHandler({
    "/members": onGet((res) => void answer(res)),
    "/version": onGet((res) => answerJson(res, 200, VERSION)),
  });
}

/** The id is a number of 64 bits, more than a number here can hold. */
function asNumbered(member: Member): string {
  const { id, peerURLs, name, clientURLs } = member;
  const rest = JSON.stringify({ peerURLs, name, clientURLs }).slice(1);
  return `{"id":${BigInt(`0x${id}`)},${rest}`;
}

function asTold({ id, name, peerURLs, clientURLs }: Member): Member {
  return { id, name, peerURLs, clientURLs };
}

function answerLine(res: HttpResponse, status: number, value: object): void {
  answerJson(res, status, `${JSON.stringify(value)}\n`);
}

function answerRefusal(res: HttpResponse, { status, message }: MemberRefusal): void {
  refuse(res, status, message);
}

function refuse(res: HttpResponse, status: number, message: string): void {
  answerJson(res, status, JSON.stringify({ message }));
}
