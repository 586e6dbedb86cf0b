import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sendPieces } from "./api-answer.ts";

const PIECE = "x".repeat(65_536);
const PIECES_MAX = 2_000; // beyond what sockets hold

test("sendPieces() makes no more text than is read, and lets go of what makes it when the reader goes", async () => {
  let count = 0;
  const ended = Promise.withResolvers<void>();
  async function* pieces() {
    try {
      for (; count < PIECES_MAX; count += 1) {
        yield PIECE;
        await sleep(0);
      }
    } finally {
      ended.resolve();
    }
  }
  const server = createServer((_, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    sendPieces(response, pieces(), gone.signal).catch((error: unknown) =>
      assert.ok(gone.signal.aborted, String(error)),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sent = get({ port, agent: false });
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  sent.on("error", () => {});
  for (let before = -1; before !== count; await sleep(200)) before = count;
  assert.ok(count > 0 && count < PIECES_MAX, `${count} pieces`);
  answer.destroy();
  await ended.promise;
  server.close();
});
