import { once } from "node:events";
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import { type ExecFrame, encodeFrames, type FrameKind, FrameReader } from "./core/exec-frames.ts";

/** A peer that has nothing to say says so this often. */
const PING_MS = 5_000;
/** From a peer that is silent for so long nothing more is expected. */
const SILENCE_MS = 20_000;
/** What was sent may take so long to leave, then the connection is closed on it. */
const END_MS = 2_000;
const EMPTY = new Uint8Array();

/** One end of the connection of an exec. Disposing of it ends the connection. */
export interface ExecChannel extends Disposable {
  /** Resolves when more may be sent: whoever reads slowly slows the sender down. */
  send(kind: FrameKind, payload: Uint8Array): Promise<void>;
  /**
   * What the peer sends, but for pings, until it ends; to be read once. Time counts only while it is being waited for.
   * @throws {Fault} TIMED_OUT when the peer is silent, FLEET_UNREACHABLE when the connection breaks
   */
  frames(): AsyncIterable<ExecFrame>;
}

/** Takes over a connection; `head` is what was read of it already. */
export function openExecChannel(socket: Duplex, head: Uint8Array): ExecChannel {
  let failure: Error | undefined;
  const closed = new AbortController();
  socket.on("error", (error) => {
    failure ??= error;
  });
  const write = async (kind: FrameKind, payload: Uint8Array) => {
    if (socket.destroyed || socket.writableEnded) return;
    if (socket.write(encodeFrames(kind, payload))) return;
    await once(socket, "drain", { signal: closed.signal }).catch(() => {}); // its end is told to the reader
  };
  // Not into a full connection, where it would only wait behind the rest.
  const pings = setInterval(() => {
    if (!socket.writableNeedDrain) void write("ping", EMPTY);
  }, PING_MS);
  socket.once("close", () => {
    clearInterval(pings);
    closed.abort();
  });
  return {
    send: write,
    async *frames() {
      const reader = new FrameReader();
      const pieces = socket[Symbol.asyncIterator]();
      try {
        for (let bytes: Uint8Array | undefined = head; bytes !== undefined; ) {
          const frames = reader.push(bytes);
          if (frames === undefined)
            throw new Fault("FLEET_REFUSED", "Cannot go on: what the peer sends are no frames");
          yield* frames.filter(({ kind }) => kind !== "ping");
          bytes = await nextPiece(pieces);
        }
      } catch (cause) {
        if (cause instanceof Fault) throw cause;
        const reason = failure?.message ?? "it was closed";
        throw new Fault("FLEET_UNREACHABLE", `Cannot go on: the connection broke: ${reason}`, {
          cause,
        });
      }
    },
    [Symbol.dispose]: () => {
      clearInterval(pings);
      socket.end(() => socket.destroy());
      setTimeout(() => socket.destroy(), END_MS).unref();
    },
  };
}

async function nextPiece(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const { promise, reject } = Promise.withResolvers<never>();
  const silence = new Fault("TIMED_OUT", `Cannot go on: nothing came for ${SILENCE_MS / 1000} s`);
  const timer = setTimeout(() => reject(silence), SILENCE_MS);
  try {
    const { done, value } = await Promise.race([pieces.next(), promise]);
    return done === true ? undefined : value;
  } finally {
    clearTimeout(timer);
  }
}
