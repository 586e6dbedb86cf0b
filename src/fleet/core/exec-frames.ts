import * as v from "valibot";

/**
 * What goes both ways over the connection of an exec: frames of one byte for the kind, four for the length of what
 * follows, most significant first, and that.
 */
export interface ExecFrame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

/** From the client: `start` and `resize` (JSON), `stdin`, `stdinEnd`. To it: `stdout`, `stderr`, `exit` and `error` (JSON). */
export type FrameKind =
  | "start"
  | "stdin"
  | "stdinEnd"
  | "stdout"
  | "stderr"
  | "exit"
  | "error"
  | "ping"
  | "resize";

const KINDS: readonly FrameKind[] = [
  "start",
  "stdin",
  "stdinEnd",
  "stdout",
  "stderr",
  "exit",
  "error",
  "ping",
  "resize",
];
const HEAD_BYTES = 5;
/** Of what a frame carries; longer pieces are sent in several. */
export const PAYLOAD_BYTES_MAX = 65_536;

/** What a client asks to be run. */
export interface ExecRequest {
  /** The program and its arguments, as they are; no shell takes them apart. */
  readonly command: readonly [string, ...string[]];
  /** A user of the machine; by default the unit's, on a machine fleetd's. */
  readonly user?: string;
  /** Runs it in a terminal of this size. */
  readonly terminal?: ExecTerminal;
}

export interface ExecSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecTerminal extends ExecSize {
  /** What `TERM` says. */
  readonly type: string;
}

/** The frame as bytes; a payload longer than the maximum makes several. */
export function encodeFrames(kind: FrameKind, payload: Uint8Array): Uint8Array {
  const parts = Math.max(1, Math.ceil(payload.length / PAYLOAD_BYTES_MAX));
  const all = new Uint8Array(payload.length + parts * HEAD_BYTES);
  const view = new DataView(all.buffer);
  for (let i = 0, at = 0; i < parts; i++) {
    const part = payload.subarray(i * PAYLOAD_BYTES_MAX, (i + 1) * PAYLOAD_BYTES_MAX);
    all[at] = KINDS.indexOf(kind) + 1;
    view.setUint32(at + 1, part.length);
    all.set(part, at + HEAD_BYTES);
    at += HEAD_BYTES + part.length;
  }
  return all;
}

/** Takes frames out of a stream of bytes that comes in pieces. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /** The frames that are whole now; undefined once the bytes are no frames. */
  push(bytes: Uint8Array): ExecFrame[] | undefined {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const frames: ExecFrame[] = [];
    let at = 0;
    while (all.length - at >= HEAD_BYTES) {
      const kind = KINDS[all[at]! - 1];
      const length = new DataView(all.buffer, at + 1, 4).getUint32(0);
      if (kind === undefined || length > PAYLOAD_BYTES_MAX) return undefined;
      if (all.length - at - HEAD_BYTES < length) break;
      frames.push({ kind, payload: all.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length) });
      at += HEAD_BYTES + length;
    }
    this.#rest = all.slice(at);
    return frames;
  }
}

const Text = v.pipe(
  v.string(),
  v.check((text) => !text.includes("\0")),
);
const SIDE_MAX = 65_535; // struct winsize, tty_ioctl(4)
const Side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(SIDE_MAX));
const Size = v.object({ columns: Side, rows: Side });
const Request = v.object({
  command: v.tupleWithRest([v.pipe(Text, v.nonEmpty())], Text),
  user: v.optional(v.string()),
  terminal: v.optional(v.object({ ...Size.entries, type: Text })),
});

/** The request in the payload of a `start`; undefined when it holds none. */
export function readExecRequest(payload: Uint8Array): ExecRequest | undefined {
  const { success, output } = v.safeParse(Request, parsed(payload));
  if (!success) return undefined;
  const { command, user, terminal } = output;
  return { command, ...(user !== undefined && { user }), ...(terminal && { terminal }) };
}

/** The size in the payload of a `resize`; undefined when it holds none. */
export function readExecSize(payload: Uint8Array): ExecSize | undefined {
  const { success, output } = v.safeParse(Size, parsed(payload));
  return success ? output : undefined;
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
}
