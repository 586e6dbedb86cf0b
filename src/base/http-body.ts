import { isRefusal, readFields } from "#base/http-head.ts";

/** Bytes of chunk extensions, which mean nothing here, that one body may carry. */
const EXTENSIONS_MAX_BYTES = 4096;
/** Bytes of the fields after the last chunk. */
const TRAILERS_MAX_BYTES = 4096;
const SIZE_MAX_DIGITS = 12;

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

/** Where in the body's frame the next byte stands. */
type Place =
  | "size"
  | "extension"
  | "sizeLf"
  | "data"
  | "dataCr"
  | "dataLf"
  | "trailers"
  | "end"
  | "bad";

/** Bytes that come in pieces, in one buffer that grows with what is there, not with what was announced. */
export class ByteBuffer {
  #bytes: Buffer = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(from: Buffer, start: number, end: number): void {
    const size = this.#size + end - start;
    if (size > this.#bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(bytes, 0, 0, this.#size);
      this.#bytes = bytes;
    }
    from.copy(this.#bytes, this.#size, start, end);
    this.#size = size;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }
}

/** Reads the frame of a body in chunks, RFC 9112 section 7.1, a byte at a time where it must; pure. */
export class ChunkReader {
  #place: Place = "size";
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailers = "";

  get isBad(): boolean {
    return this.#place === "bad";
  }

  get isAtEnd(): boolean {
    return this.#place === "end";
  }

  /** Reads on until the body ends, is bad, or there is no more; returns where. `take` gets the data. */
  read(
    bytes: Buffer,
    start: number,
    end: number,
    take: (bytes: Buffer, start: number, end: number) => void,
  ): number {
    let at = start;
    while (at < end && this.#place !== "end" && this.#place !== "bad")
      if (this.#place === "data") {
        const to = Math.min(end, at + this.#size);
        take(bytes, at, to);
        this.#size -= to - at;
        at = to;
        if (this.#size === 0) this.#place = "dataCr";
      } else {
        this.#place = this.#step(this.#place, bytes[at] ?? 0);
        at += 1;
      }
    return at;
  }

  #step(place: Exclude<Place, "data" | "end" | "bad">, byte: number): Place {
    switch (place) {
      case "size":
        return this.#readSize(byte);
      case "extension":
        return this.#readExtension(byte);
      case "sizeLf":
        return this.#beginChunk(byte);
      case "dataCr":
        return byte === CR ? "dataLf" : "bad";
      case "dataLf":
        return byte === LF ? "size" : "bad";
      case "trailers":
        return this.#readTrailer(byte);
      default:
        return place satisfies never;
    }
  }

  #readSize(byte: number): Place {
    const digit = hexDigit(byte);
    if (digit !== undefined) {
      this.#size = this.#size * 16 + digit;
      this.#digits += 1;
      return this.#digits > SIZE_MAX_DIGITS ? "bad" : "size";
    }
    if (this.#digits === 0) return "bad";
    if (byte === CR) return "sizeLf";
    return byte === SEMICOLON ? "extension" : "bad";
  }

  #readExtension(byte: number): Place {
    this.#extensionBytes += 1;
    if (byte === CR) return "sizeLf";
    return byte < 32 || this.#extensionBytes > EXTENSIONS_MAX_BYTES ? "bad" : "extension";
  }

  #beginChunk(byte: number): Place {
    if (byte !== LF) return "bad";
    this.#digits = 0;
    return this.#size === 0 ? "trailers" : "data";
  }

  #readTrailer(byte: number): Place {
    this.#trailers += String.fromCharCode(byte);
    if (this.#trailers.length > TRAILERS_MAX_BYTES) return "bad";
    if (this.#trailers === "\r\n") return "end";
    if (byte !== LF || !this.#trailers.endsWith("\r\n\r\n")) return "trailers";
    const lines = this.#trailers.slice(0, -4).split("\r\n");
    return isRefusal(readFields(lines)) ? "bad" : "end";
  }
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : undefined;
}
