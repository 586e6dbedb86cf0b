import type { HttpRequest } from "#base/http.ts";
import { PasswordChecks } from "#keys/auth-passwords.ts";
import {
  GUEST,
  mayAccess,
  ROOT,
  ROOT_ROLE,
  type Role,
  type User,
  withRootRole,
} from "#keys/core/auth.ts";
import { type AuthView, roleKey, userKey } from "#keys/core/auth-records.ts";
import { decodeRole, decodeUser } from "#keys/core/auth-wire.ts";
import { cleanKey } from "#keys/core/key-path.ts";

/** Where the gate finds the state: the store, which a server may replace as a whole. */
export interface AuthSource {
  readonly auth: AuthView;
}

/** Who may do what, by this server's applied state when the request comes. */
export class AuthGate {
  readonly #source: AuthSource;
  readonly #passwords = new PasswordChecks();

  constructor(source: AuthSource) {
    this.#source = source;
  }

  /** While it is false everyone may do everything. */
  get isEnabled(): boolean {
    return this.#source.auth.isEnabled;
  }

  user(name: string): User | undefined {
    const text = this.#source.auth.read(cleanKey(userKey(name)));
    const user = text === undefined ? undefined : decodeUser(text);
    return user && withRootRole(user);
  }

  role(name: string): Role | undefined {
    if (name === ROOT) return ROOT_ROLE;
    const text = this.#source.auth.read(cleanKey(roleKey(name)));
    return text === undefined ? undefined : decodeRole(text);
  }

  /**
   * Tells whether the request may use keys at `path`, which is as it was sent: at once, unless a password has to be
   * worked out.
   */
  checkKeys(
    req: HttpRequest,
    path: string,
    isRecursive: boolean,
    tell: (isAllowed: boolean) => void,
  ): void {
    const isWrite = req.method !== "GET" && req.method !== "HEAD";
    if (!this.isEnabled) tell(true);
    else this.#identify(req, (who) => tell(this.#mayUse(who, path, { isWrite, isRecursive })));
  }

  #mayUse(
    who: User | "guest" | "nobody",
    path: string,
    asked: { readonly isWrite: boolean; readonly isRecursive: boolean },
  ): boolean {
    if (who === "nobody") return false;
    const may = (name: string, kind: typeof asked) => {
      const role = this.role(name);
      return role !== undefined && mayAccess(role, path, kind);
    };
    // A guest's recursive request needs no more than another, in etcd.
    if (who === "guest") return may(GUEST, { ...asked, isRecursive: false });
    return (who.roles ?? []).some((name) => may(name, asked));
  }

  /** Tells whether the request comes from someone with root's role, or authentication is off. */
  checkRoot(req: HttpRequest, tell: (isRoot: boolean) => void): void {
    if (!this.isEnabled) tell(true);
    else
      this.#identify(req, (who) =>
        tell(typeof who === "object" && (who.roles ?? []).includes(ROOT)),
      );
  }

  /** Who asks: by name and password, or else by the certificate, or else a guest; nobody with a wrong password. */
  #identify(req: HttpRequest, tell: (who: User | "guest" | "nobody") => void): void {
    const authorization = req.header("authorization");
    if (!authorization) {
      const name = req.peerCommonName;
      tell((name === undefined ? undefined : this.user(name)) ?? "guest");
      return;
    }
    const credentials = readBasic(authorization);
    const user = credentials && this.user(credentials.name);
    if (!user) tell("nobody");
    else if (this.#passwords.isKnown(user.password, credentials.password)) tell(user);
    else
      void this.#passwords
        .check(user.password, credentials.password)
        .then((isRight) => tell(isRight ? user : "nobody"));
  }
}

const BASIC = /^basic ((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/i;

/** RFC 7617; undefined when it is malformed. */
function readBasic(
  header: string,
): { readonly name: string; readonly password: string } | undefined {
  const [, base64] = BASIC.exec(header) ?? [];
  if (base64 === undefined) return undefined;
  const text = Buffer.from(base64, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
