const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** https://www.sqlite.org/fileformat2.html, "WAL File Format"; the lowest bit says big-endian checksums. */
const MAGIC = 0x377f0682;

/**
 * Whether a write-ahead log of SQLite lost transactions by damage. SQLite takes the first frame that does not add up
 * for the end; that is right for a write that a crash cut short, which is the last one, but damage further ahead would
 * silently take away transactions that were committed after it. A torn last transaction leaves at most its own commit
 * frame behind the bad place, so two of them can only come from damage. Total over any bytes.
 */
export function isDamagedInside(wal: Uint8Array): boolean {
  if (wal.length < HEADER_BYTES) return false;
  const view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
  const magic = view.getUint32(0);
  const pageBytes = view.getUint32(8);
  if ((magic & ~1) >>> 0 !== MAGIC || pageBytes < 512 || pageBytes > 65_536 || pageBytes % 8 !== 0)
    return hasFrames(wal);
  const sum = new Checksum(view, (magic & 1) === 0);
  sum.add(0, 24);
  if (!sum.isAt(24)) return hasFrames(wal);
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  let isSound = true;
  let commitsBehind = 0;
  for (let at = HEADER_BYTES; at + frameBytes <= wal.length; at += frameBytes) {
    // Other salts: left over from before the log was begun anew.
    const isOurs =
      view.getUint32(at + 8) === view.getUint32(16) &&
      view.getUint32(at + 12) === view.getUint32(20);
    if (isSound) {
      sum.add(at, 8);
      sum.add(at + FRAME_HEADER_BYTES, pageBytes);
      isSound = isOurs && sum.isAt(at + 16);
    } else if (isOurs && view.getUint32(at + 4) !== 0) commitsBehind += 1;
  }
  return commitsBehind >= 2;
}

/** A header is written and synced before any second transaction: damaged, it takes all of them away. */
function hasFrames(wal: Uint8Array): boolean {
  return (
    wal.length > HEADER_BYTES + 2 * (FRAME_HEADER_BYTES + 4096) && wal.some((byte) => byte !== 0)
  );
}

class Checksum {
  readonly #view: DataView;
  readonly #isLittleEndian: boolean;
  #a = 0;
  #b = 0;

  constructor(view: DataView, isLittleEndian: boolean) {
    this.#view = view;
    this.#isLittleEndian = isLittleEndian;
  }

  add(start: number, length: number): void {
    for (let at = start; at < start + length; at += 8) {
      this.#a = (this.#a + this.#view.getUint32(at, this.#isLittleEndian) + this.#b) >>> 0;
      this.#b = (this.#b + this.#view.getUint32(at + 4, this.#isLittleEndian) + this.#a) >>> 0;
    }
  }

  /** Whether the two sums stand, big-endian, at `at`. */
  isAt(at: number): boolean {
    return this.#view.getUint32(at) === this.#a && this.#view.getUint32(at + 4) === this.#b;
  }
}
