import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "./percentile.ts";

const REGISTERED_WITHIN_MS = 20_000;
const TOLD_WITHIN_MS = 20_000;

/**
 * Milliseconds from asking for a change until `count` waiting clients have heard of it: the 99th percentile.
 * The clients are bare sockets, to measure the server more than this program.
 */
export async function timeOneChange(clientUrl: string, count: number): Promise<number> {
  const { hostname, port } = new URL(clientUrl);
  await put(clientUrl, "before");
  const request = `GET /v2/keys/bench/watched?wait=true HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < count; i += 1) sockets.push(connect(Number(port), hostname));
    await within(
      REGISTERED_WITHIN_MS,
      "accept the watchers",
      Promise.all(sockets.map((socket) => begin(socket, request))),
    );
    const startMs = performance.now();
    const told = sockets.map(async (socket) => {
      await once(socket, "data");
      return performance.now() - startMs;
    });
    await put(clientUrl, "after");
    return percentile(await within(TOLD_WITHIN_MS, "tell the watchers", Promise.all(told)), 99);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Both servers send the head of the answer when the watch stands, and the event when there is one. */
async function begin(socket: Socket, request: string): Promise<void> {
  await once(socket, "connect");
  socket.write(request);
  const [head] = (await once(socket, "data")) as [Buffer];
  const status = head.toString("latin1", 0, 12);
  if (status !== "HTTP/1.1 200") throw new Error(`a watch was refused: ${status}`);
}

async function put(clientUrl: string, value: string): Promise<void> {
  const body = new URLSearchParams({ value });
  const answer = await fetch(`${clientUrl}/v2/keys/bench/watched`, { method: "PUT", body });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`a write was refused: ${answer.status}`);
}

async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`the server did not ${what} within ${limitMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => {});
    timer.abort();
  }
}
