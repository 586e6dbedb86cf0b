import type { Random } from "#base/random.ts";
import type { Ask } from "#keys/oracle.ts";
import { auth } from "#keys/oracle-auth-scenarios.ts";

/** Requests drawn at random from a seed: few keys, so that they meet, and every field with odd values too. */
export class RandomAsks {
  readonly #random: Random;
  readonly #options: { readonly ttl: boolean };

  constructor(random: Random, options: { readonly ttl: boolean }) {
    this.#random = random;
    this.#options = options;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  /** A request of `/v2/keys` near the store's `index`. */
  keys(index: number): Ask {
    const kind = this.#random();
    const isOdd = this.chance(0.15);
    const path = `/v2/keys${isOdd ? this.#oddKey() : this.pick(KEYS)}`;
    if (kind < 0.2) return this.#with("GET", path, this.#form(READ_FIELDS, index));
    if (kind < 0.25) return this.#with("HEAD", path, this.#form(READ_FIELDS, index));
    if (kind < 0.6)
      return this.#sent("PUT", path, `value=${this.#value()}&${this.#form(WRITE_FIELDS, index)}`);
    if (kind < 0.7)
      return this.#sent("POST", path, `value=${this.#value()}&${this.#form(POST_FIELDS, index)}`);
    if (kind < 0.88) return this.#with("DELETE", path, this.#form(DELETE_FIELDS, index));
    if (kind < 0.99) return this.#watch(path, index);
    return { method: this.pick(["PATCH", "TRACE", "LINK"]), path };
  }

  /** A watch that history may answer. */
  #watch(path: string, index: number): Ask {
    const since = Math.max(0, Math.floor(index + 3 - this.#random() ** 3 * 1200));
    const recursive = this.chance(0.5) ? "&recursive=true" : "";
    return this.#with(
      "GET",
      path,
      `wait=true${recursive}${this.chance(0.7) ? `&waitIndex=${since}` : ""}${this.chance(0.05) ? "&quorum=true" : ""}`,
    );
  }

  #value(): string {
    return this.pick(VALUES);
  }

  #form(names: readonly Field[], index: number): string {
    const fields: string[] = [];
    for (const name of names) {
      const times = this.chance(SHARES[name] ?? 0.2) ? (this.chance(0.1) ? 2 : 1) : 0;
      for (let at = 0; at < times; at++)
        fields.push(`${this.#spelled(name)}=${this.#field(name, index)}`);
    }
    if (this.chance(0.03)) fields.push(this.pick(ODD_PAIRS));
    return fields.join("&");
  }

  #spelled(name: string): string {
    if (this.chance(0.97)) return name;
    return this.pick([
      name.toLowerCase(),
      name.toUpperCase(),
      `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`,
      `${name}[]`,
    ]);
  }

  #field(name: Field, index: number): string {
    const isOdd = this.chance(0.06);
    if (name === "prevValue") return this.#value();
    if (name === "prevIndex" || name === "waitIndex") {
      if (isOdd) return this.pick(ODD_NUMBERS);
      return name === "waitIndex"
        ? this.pick(["0", "1", "7"])
        : String(Math.max(0, index - Math.floor(this.#random() * 12)));
    }
    if (name !== "ttl") return this.pick(isOdd ? ODD_FLAGS : FLAGS);
    return isOdd || !this.#options.ttl
      ? this.pick(["", "x", "-1", "1.5", "1e3"])
      : String(1000 + Math.floor(this.#random() * 1000));
  }

  #with(method: string, path: string, query: string): Ask {
    return { method, path: query === "" ? path : `${path}?${query}` };
  }

  /** Part of the form in the query, part in the body; now and then of another type, or in chunks. */
  #sent(method: string, path: string, form: string): Ask {
    if (this.chance(0.1)) return { method, path: `${path}?${form}` };
    const [body, query] = this.chance(0.1) ? halves(form) : [form, ""];
    const headers = this.chance(0.1) ? { "Transfer-Encoding": "chunked" } : {};
    const contentType = this.chance(0.05)
      ? this.pick(CONTENT_TYPES)
      : "application/x-www-form-urlencoded";
    return { ...this.#with(method, path, query), form: body, contentType, headers };
  }

  #oddKey(): string {
    let key = "";
    for (let parts = Math.floor(this.#random() * 4); parts > 0; parts--)
      key += `/${this.#oddPart()}`;
    return key + (this.chance(0.2) ? "/" : "");
  }

  #oddPart(): string {
    const part = this.pick(ODD_PARTS);
    if (this.chance(0.2))
      return [...Buffer.from(part)]
        .map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
        .join("");
    return this.chance(0.5)
      ? encodeURIComponent(part)
      : encodeURI(part).replace(/[?#]/g, encodeURIComponent);
  }

  /** A request of `/v2/auth`, or of keys by one of the users. */
  auth(index: number): Ask {
    const as = this.chance(0.8)
      ? { user: this.pick(["root:r", "root:r", "a:1", "a:2", "b:1", "c:1", "root:x"]) }
      : {};
    const kind = this.#random();
    if (kind < 0.45) return { ...this.#plainKeys(index), ...as };
    if (kind < 0.6) return { ...auth("PUT", ...this.#user()), ...as };
    if (kind < 0.75) return { ...auth("PUT", ...this.#role()), ...as };
    if (kind < 0.82)
      return {
        ...auth("DELETE", this.pick(["/users/a", "/users/b", "/roles/x", "/roles/guest"])),
        ...as,
      };
    if (kind < 0.92)
      return {
        ...auth(
          "GET",
          this.pick(["/users", "/roles", "/users/a", "/users/b", "/roles/x", "/enable"]),
        ),
        ...as,
      };
    return { ...auth(this.pick(["PUT", "PUT", "DELETE"]), "/enable"), user: "root:r" };
  }

  #plainKeys(index: number): Ask {
    const ask = this.keys(index);
    return ask.path.includes("wait") ? { method: "GET", path: "/v2/keys/a" } : ask;
  }

  #user(): [path: string, body: object] {
    const user = this.pick(["a", "b", "c", "root"]);
    const roles = () => this.#some(["x", "y", "z", "root", "guest"]);
    const password = user === "root" ? "r" : this.pick(["1", "2"]);
    const body = {
      user,
      ...(this.chance(0.5) && { password }),
      ...(this.chance(0.3) && { roles: roles() }),
      ...(this.chance(0.4) && { grant: roles() }),
      ...(this.chance(0.3) && { revoke: roles() }),
    };
    return [`/users/${user}`, body];
  }

  #role(): [path: string, body: object] {
    const role = this.pick(["x", "y", "z", "guest", "root"]);
    const permissions = () => ({
      kv: { read: this.#some(PATTERNS), write: this.chance(0.3) ? null : this.#some(PATTERNS) },
    });
    const body = {
      role,
      ...(this.chance(0.4) && { permissions: permissions() }),
      ...(this.chance(0.4) && { grant: permissions() }),
      ...(this.chance(0.3) && { revoke: permissions() }),
    };
    return [`/roles/${role}`, body];
  }

  #some(names: readonly string[]): string[] {
    return names.filter(() => this.chance(0.3));
  }
}

function halves(form: string): readonly [string, string] {
  const fields = form.split("&");
  const middle = Math.floor(fields.length / 2);
  return [fields.slice(0, middle).join("&"), fields.slice(middle).join("&")];
}

const KEYS = [
  "",
  "/",
  "/a",
  "/a/",
  "/a/b",
  "/a/b/c",
  "/ab",
  "/d",
  "/d/e",
  "/_h",
  "/_h/x",
  "/a/_h",
  "/a/_h/y",
];
const VALUES = ["", "1", "2", "three", "%3C4%3E", "+5%2B", "%F0%9F%98%80", "%00"];
const ODD_PARTS = [
  ...Array.from(
    "ab_é日\u{1f600}\uff5e\ue000%.~*'\"<>&;=+$,:@!()[]{}|^`\\?#\u0001\u0000\u007f\u00a0\u2028",
  ),
  "..",
  "a b",
  "a/b",
  "/",
  "00000000000000000007",
  "x".repeat(300),
];
const PATTERNS = ["/*", "/a*", "/a", "/a/*", "/a/b", "/d/", "/d/e", "/_h*", "*"];

type Field = (typeof READ_FIELDS | typeof WRITE_FIELDS | typeof DELETE_FIELDS)[number];
const READ_FIELDS = [
  "recursive",
  "sorted",
  "quorum",
  "dir",
  "waitIndex",
  "stream",
  "noValueOnSuccess",
] as const;
const WRITE_FIELDS = [
  "prevValue",
  "prevIndex",
  "prevExist",
  "dir",
  "ttl",
  "refresh",
  "noValueOnSuccess",
  "recursive",
] as const;
const POST_FIELDS = [
  "dir",
  "ttl",
  "prevExist",
  "noValueOnSuccess",
  "wait",
] as const satisfies readonly string[];
const DELETE_FIELDS = ["recursive", "dir", "prevValue", "prevIndex", "quorum", "wait"] as const;

/** How often a field is there, when not in a fifth of the requests. */
const SHARES: Partial<Record<Field, number>> = {
  dir: 0.1,
  recursive: 0.5,
  refresh: 0.1,
  wait: 0.02,
  ttl: 0.1,
};

const FLAGS = ["true", "true", "false"];
const ODD_FLAGS = ["1", "0", "t", "T", "TRUE", "True", "F", "yes", "", "tRue", "+true", "2"];
const ODD_NUMBERS = [
  "",
  "x",
  "-1",
  "%2B1",
  "1.0",
  "1e3",
  "0x10",
  "1_0",
  "007",
  "18446744073709551616",
  "9".repeat(400),
];
const ODD_PAIRS = [
  "x=%zz",
  "%",
  "a;b",
  "=",
  "&&",
  "value",
  "=value=x",
  "x=%F",
  "%ff=%fe",
  "batch=true",
];
const CONTENT_TYPES = [
  "text/plain",
  "application/json",
  "APPLICATION/X-WWW-FORM-URLENCODED",
  "application/x-www-form-urlencoded; charset=utf-8",
  "application/x-www-form-urlencoded;",
  "application/x-www-form-urlencoded; charset",
  " application/x-www-form-urlencoded",
  "application/x-www-form-urlencoded , x",
  "text",
  "text/",
  "/",
  ";",
  "a b",
];
