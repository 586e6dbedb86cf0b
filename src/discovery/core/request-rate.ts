interface Allowance {
  /** Time that was not used up by requests. */
  savedMs: number;
  atMs: number;
}

/** How many addresses are remembered; then the one that was quiet for longest is forgotten. */
const ADDRESSES_MAX = 10_000;
const HOUR_MS = 3_600_000;

/** So many requests an hour from each address, at most that many at once. */
export class RequestRate {
  readonly #costMs: number;
  readonly #allowances = new Map<string, Allowance>();

  constructor(perHour: number) {
    this.#costMs = HOUR_MS / perHour;
  }

  /** Counts a request; the milliseconds to wait until it will be let through, 0 when it is. */
  take(address: string, nowMs: number): number {
    const key = networkOf(address);
    const allowance = this.#allowances.get(key) ?? { savedMs: HOUR_MS, atMs: nowMs };
    allowance.savedMs = Math.min(HOUR_MS, allowance.savedMs + nowMs - allowance.atMs);
    allowance.atMs = nowMs;
    this.#allowances.delete(key);
    this.#allowances.set(key, allowance); // the last one is the newest
    const [oldest] = this.#allowances.keys();
    if (this.#allowances.size > ADDRESSES_MAX && oldest !== undefined)
      this.#allowances.delete(oldest);
    if (allowance.savedMs < this.#costMs) return Math.ceil(this.#costMs - allowance.savedMs);
    allowance.savedMs -= this.#costMs;
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
