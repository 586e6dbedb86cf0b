/** Entries and snapshots as values of etcd: some texts in one value, and one text over several values. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const FORMAT = "1";
const NEWLINE = 10;
const LENGTH_BYTES = 4;

/** The lengths of the texts (in UTF-16 units) in one line, then the texts: decoded in one go, which is fastest. */
export function encodeBatch(texts: readonly string[]): Uint8Array {
  return encoder.encode(
    `${FORMAT} ${texts.map((text) => text.length).join(" ")}\n${texts.join("")}`,
  );
}

/** @throws {RangeError} when that is no batch, or not all of it. */
export function decodeBatch(pieces: readonly Uint8Array[]): string[] {
  const bytes = joinBytes(pieces);
  const head = bytes.indexOf(NEWLINE);
  if (head < 0) throw new RangeError("a batch of entries has no head");
  const [format, ...lengths] = decoder.decode(bytes.subarray(0, head)).split(" ");
  if (format !== FORMAT) throw new RangeError(`a batch of entries has the format ${format}`);
  const body = decoder.decode(bytes.subarray(head + 1));
  let at = 0;
  const texts = lengths.map((length) => body.slice(at, (at += Number(length))));
  if (at !== body.length)
    throw new RangeError(`a batch of entries has ${body.length} units, not ${at}`);
  return texts;
}

/** At least one piece, none longer than the limit. */
export function cutBytes(bytes: Uint8Array, limitBytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += limitBytes)
    pieces.push(bytes.subarray(at, at + limitBytes));
  return pieces;
}

/** Chunks of any size as values of one size: each chunk with its length ahead, one after another, cut anywhere. */
export function* packChunks(
  chunks: Iterable<string>,
  valueBytes: number,
): Generator<Uint8Array, void> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for (const chunk of chunks) {
    const text = encoder.encode(chunk);
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, text.length);
    parts.push(length, text);
    size += LENGTH_BYTES + text.length;
    if (size < valueBytes) continue;
    const values = cutBytes(joinBytes(parts), valueBytes);
    const last = values.at(-1);
    const isFull = last?.length === valueBytes;
    yield* isFull ? values : values.slice(0, -1);
    parts = isFull || last === undefined ? [] : [last];
    size = parts[0]?.length ?? 0;
  }
  if (size > 0) yield joinBytes(parts);
}

/** @throws {RangeError} when values are missing. */
export function unpackChunks(values: readonly Uint8Array[]): string[] {
  const bytes = joinBytes(values);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start > bytes.length ? start : start + view.getUint32(at);
    if (end > bytes.length)
      throw new RangeError(`a snapshot ends at byte ${bytes.length}, not ${end}`);
    chunks.push(decoder.decode(bytes.subarray(start, end)));
    at = end;
  }
  return chunks;
}

function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
