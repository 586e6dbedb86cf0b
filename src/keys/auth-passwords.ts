import { hash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

// Passwords are kept as `$scrypt$ln=14,r=8,p=5$SALT$HASH`, salt and hash in base64: the parameters may be raised later.

/** Work for one guess: 16 MB and about 0.2 s (OWASP Password Storage Cheat Sheet, scrypt). */
const COST = { N: 2 ** 14, r: 8, p: 5 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** No record makes one check use more. */
const MEMORY_MAX_BYTES = 256 << 20;

const STORED = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/=]+)\$([\w+/=]{4,})$/;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const derived = await derive(password, salt, HASH_BYTES, COST);
  const { N, r, p } = COST;
  return `$scrypt$ln=${Math.log2(N)},r=${r},p=${p}$${salt.toString("base64")}$${derived.toString("base64")}`;
}

async function isPassword(stored: string, password: string): Promise<boolean> {
  const [, ln, r, p, salt = "", expectedHash = ""] = STORED.exec(stored) ?? [];
  if (ln === undefined) return false;
  const expected = Buffer.from(expectedHash, "base64");
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  try {
    const derived = await derive(password, Buffer.from(salt, "base64"), expected.length, cost);
    return timingSafeEqual(derived, expected);
  } catch (error) {
    if (error instanceof RangeError) return false; // parameters that no scrypt has
    throw error;
  }
}

function derive(
  password: string,
  salt: Buffer,
  bytes: number,
  cost: ScryptOptions,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(password, salt, bytes, { ...cost, maxmem: MEMORY_MAX_BYTES }, (error, key) => {
    if (error) reject(error);
    else resolve(key);
  });
  return promise;
}

/** How many right passwords are remembered; beyond that the oldest is worked out again. */
const KNOWN_MAX = 1000;

/**
 * Checks passwords, and remembers the right ones so that a client pays the work once. What is remembered is a hash with
 * a key that only this process has, of the password together with what is stored: a changed password is another one.
 */
export class PasswordChecks {
  readonly #key = randomBytes(32).toString("base64");
  readonly #known = new Set<string>();
  /** Checks under way, so that a client's many connections cost one. */
  readonly #running = new Map<string, Promise<boolean>>();

  /** Whether it is known to be right without any work. */
  isKnown(stored: string, password: string): boolean {
    return this.#known.has(this.#digest(stored, password));
  }

  check(stored: string, password: string): Promise<boolean> {
    const digest = this.#digest(stored, password);
    if (this.#known.has(digest)) return Promise.resolve(true);
    let running = this.#running.get(digest);
    if (running === undefined) {
      running = this.#work(digest, stored, password);
      this.#running.set(digest, running);
    }
    return running;
  }

  async #work(digest: string, stored: string, password: string): Promise<boolean> {
    try {
      const isRight = await isPassword(stored, password);
      if (isRight) this.#remember(digest);
      return isRight;
    } finally {
      this.#running.delete(digest);
    }
  }

  #remember(digest: string): void {
    const [oldest] = this.#known;
    if (this.#known.size >= KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.add(digest);
  }

  #digest(stored: string, password: string): string {
    return hash("sha256", `${this.#key}${stored}\0${password}`, "base64");
  }
}
