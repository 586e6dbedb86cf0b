interface Bucket {
  left: number;
  atMs: number;
}

/** How many addresses are remembered; then the one that was quiet for longest is forgotten. */
const ADDRESSES_MAX = 10_000;
const HOUR_MS = 3_600_000;

/** So many requests an hour from each address, at most that many at once. */
export class RequestRate {
  readonly #perHour: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perHour: number) {
    this.#perHour = perHour;
  }

  /** Counts a request; the milliseconds to wait until it will be let through, 0 when it is. */
  take(address: string, nowMs: number): number {
    const key = networkOf(address);
    const bucket = this.#buckets.get(key) ?? { left: this.#perHour, atMs: nowMs };
    const perMs = this.#perHour / HOUR_MS;
    bucket.left = Math.min(this.#perHour, bucket.left + (nowMs - bucket.atMs) * perMs);
    bucket.atMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket); // the last one is the newest
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > ADDRESSES_MAX && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.left < 1) return Math.ceil((1 - bucket.left) / perMs);
    bucket.left -= 1;
    return 0;
  }
}

/** An IPv4 address itself; of an IPv6 address the first 64 bits, since one machine has all the others. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = head.split(":").filter(Boolean);
  const ending = (tail ?? "").split(":").filter(Boolean);
  const zeros = tail === undefined ? 0 : 8 - groups.length - ending.length;
  const all = [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...ending];
  return all.slice(0, 4).join(":");
}
