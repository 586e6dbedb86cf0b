import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { type Address, parseAddress } from "#base/listen.ts";
import { isUnitName } from "#unitfile/core/unit-name.ts";
import { ApiRefusal, refusalOf } from "./api-answer.ts";
import type { ApiContext } from "./api-context.ts";
import { segmentsOf } from "./api-path.ts";
import { clientOf } from "./api-tell.ts";
import { type ExecFrame, type ExecRequest, readExecRequest } from "./core/exec-frames.ts";
import { isMachineId, type MachineId } from "./core/machine-id.ts";
import { type ExecChannel, openExecChannel } from "./exec-channel.ts";
import { machineOf } from "./forward.ts";
import { FORWARDED } from "./http-request.ts";
import { EXEC_PROTOCOL, httpUpgrade } from "./http-upgrade.ts";
import { runExec, untilAborted } from "./run-exec.ts";

/** A request to make of its connection what another protocol is spoken over. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What was read of that already. */
  readonly head: Uint8Array;
  /** How whoever asks is connected. */
  readonly listener: Address["kind"];
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
}

const SWITCHING = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${EXEC_PROTOCOL}\r\n\r\n`;
/** What is to be run has to be told so soon after the connection is made. */
const START_MS = 10_000;
const FAREWELL_MS = 2_000;
const COMMAND_CHARACTERS_MAX = 200;

/** Answers a request for an exec: runs the command here, or passes the connection on to the machine that it is for. */
export async function answerUpgrade(context: ApiContext, asked: UpgradeRequest): Promise<void> {
  const { socket, request, head, signal } = asked;
  const gone = new AbortController();
  socket.on("error", () => gone.abort());
  socket.once("close", () => gone.abort());
  const end = () => socket.destroy();
  signal.addEventListener("abort", end, { once: true });
  try {
    const { unit, at } = targetOf(context, request);
    checkAllowed(context, asked);
    if (at !== context.me) await passOn(context, asked, at);
    else {
      socket.write(SWITCHING);
      using channel = openExecChannel(socket, head);
      await serve(context, asked, channel, unit, AbortSignal.any([gone.signal, signal]));
    }
  } catch (error) {
    if (!gone.signal.aborted) refuse(socket, error);
    if (!(error instanceof ApiRefusal || error instanceof Fault) && !gone.signal.aborted)
      context.logger.error({ url: request.url, reason: reasonOf(error) }, "request failed");
  } finally {
    signal.removeEventListener("abort", end);
    socket.end();
  }
}

interface Target {
  readonly unit: string | undefined;
  readonly at: MachineId;
}

/** `/fleet/v1/units/NAME/exec[?machineID=]` or `/fleet/v1/machines/ID/exec`. */
function targetOf(context: ApiContext, { method, url: path, headers }: IncomingMessage): Target {
  const url = URL.parse(path ?? "/", "http://fleet");
  const [kind, name = "", part, ...more] = url === null ? [] : segmentsOf(url);
  const isKnown = (kind === "units" || kind === "machines") && part === "exec" && more.length === 0;
  if (url === null || !isKnown) throw new ApiRefusal(404, "");
  if (method !== "POST") throw new ApiRefusal(405, "only POST supported against this resource");
  if (headers.upgrade?.toLowerCase() !== EXEC_PROTOCOL)
    throw new ApiRefusal(400, `expected Upgrade: ${EXEC_PROTOCOL}`);
  const { feed } = context;
  if (kind === "machines") {
    if (isMachineId(name) && (name === context.me || feed.model.machines.has(name)))
      return { unit: undefined, at: name };
    throw new ApiRefusal(404, `there is no machine ${name}`);
  }
  const job = isUnitName(name) ? feed.model.jobs.get(name) : undefined;
  if (job?.hash === undefined) throw new ApiRefusal(404, "unit does not exist");
  return { unit: name, at: machineOf(context, job, url.searchParams.get("machineID")) };
}

/** Whoever reaches the unix socket is let in; of those on TCP, by the setting, the cluster's machines or everybody. */
function checkAllowed({ feed, apiExec }: ApiContext, { request, listener }: UpgradeRequest): void {
  const forbidden = (whom: string, advice = "see") =>
    new ApiRefusal(
      403,
      `${whom}: ${advice} the setting api_exec of its fleetd (docs/reference-fleetd.md)`,
    );
  if (apiExec === "none") throw forbidden("this machine runs no commands for anybody");
  if (listener === "unix" || apiExec === "all") return;
  const from = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const isMachine = [...feed.model.machines.values()].some(({ id, publicIp }) => {
    const api = feed.model.api(id);
    const host = api === undefined ? undefined : URL.parse(api)?.hostname.replace(/^\[|\]$/g, "");
    return from !== "" && (from === publicIp || from === host);
  });
  if (!isMachine || request.headers[FORWARDED] === undefined)
    throw forbidden(
      "this machine runs commands only for those on machines of the cluster",
      "call fleetctl there (keelson ssh core-01 -- fleetctl exec …) or by --tunnel, or see",
    );
}

async function passOn(context: ApiContext, asked: UpgradeRequest, at: MachineId): Promise<void> {
  const { request, socket, head } = asked;
  if (request.headers[FORWARDED] !== undefined)
    throw new ApiRefusal(502, `this is ${context.me}, but it is for ${at}`);
  const api = context.feed.model.api(at);
  if (api === undefined)
    throw new ApiRefusal(
      502,
      `cannot ask machine ${at}: it tells no address of its fleet API; set api_listen and api_advertise there`,
    );
  const own = context.feed.model.api(context.me);
  const from = own === undefined ? undefined : parseAddress(own);
  const answer = await httpUpgrade(
    parseAddress(api),
    {
      path: request.url ?? "/",
      headers: { [FORWARDED]: clientOf(request, context.me) },
      // So that the other side sees which machine asks, also where several share a computer.
      ...(from?.kind === "tcp" && { localAddress: from.host }),
    },
    asked.signal,
  ).catch((error: unknown) => {
    throw new ApiRefusal(502, `cannot ask machine ${at} at ${api}: ${reasonOf(error)}`);
  });
  if ("refusal" in answer) throw new ApiRefusal(answer.status, answer.refusal);
  const { socket: other } = answer;
  try {
    socket.write(SWITCHING);
    other.write(head);
    socket.write(answer.head);
    other.on("error", () => {}); // its end is what counts
    socket.pipe(other).pipe(socket);
    const ends = [socket, other].map((one) => new Promise((resolve) => one.once("close", resolve)));
    await Promise.race(ends); // when one side is gone, so is the other
  } finally {
    other.destroy();
  }
}

async function serve(
  context: ApiContext,
  asked: UpgradeRequest,
  channel: ExecChannel,
  unit: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = context;
  const frames = channel.frames()[Symbol.asyncIterator]();
  try {
    const limit = { ms: START_MS, clock, what: "run a command: none was told", signal };
    const first = await withDeadline(limit, (stop) => untilAborted(frames.next(), stop));
    const wanted = first.value?.kind === "start" ? readExecRequest(first.value.payload) : undefined;
    if (wanted === undefined) throw new Fault("USAGE", "Cannot run a command: none was told");
    tell(context, asked.request, unit, wanted);
    await runExec(context, { channel, frames, unit, wanted }, signal);
  } catch (error) {
    if (signal.aborted) return;
    const { code, message } =
      error instanceof Fault ? error : new Fault("SYSTEMD_FAILED", reasonOf(error));
    await channel.send("error", Buffer.from(JSON.stringify({ code, message })));
  }
  await farewell(frames, context, signal);
}

/** What was sent last may be lost when a connection is closed on what the other side still sends: that closes first. */
async function farewell(
  frames: AsyncIterator<ExecFrame>,
  { clock }: ApiContext,
  signal: AbortSignal,
): Promise<void> {
  const limit = { ms: FAREWELL_MS, clock, what: "end an exec", signal };
  const toEnd = async () => {
    while ((await frames.next()).done !== true);
  };
  await withDeadline(limit, (stop) => untilAborted(toEnd(), stop)).catch(() => {});
}

function tell(
  { events, me }: ApiContext,
  request: IncomingMessage,
  unit: string | undefined,
  { command, user }: ExecRequest,
): void {
  const forwarded = request.headers[FORWARDED];
  const who = typeof forwarded === "string" ? forwarded : clientOf(request, me);
  const as = user === undefined ? "" : ` as ${user}`;
  const why = `asked of the API${as}: ${command.join(" ")}`.slice(0, COMMAND_CHARACTERS_MAX);
  events.tell({ what: "executed", ...(unit !== undefined && { unit }), machine: me, who, why });
}

function refuse(socket: Duplex, error: unknown): void {
  const { status, message } = refusalOf(error);
  const body = JSON.stringify({ error: { code: status, message } });
  socket.write(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
