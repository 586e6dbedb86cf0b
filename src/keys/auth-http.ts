import { reasonOf } from "#base/fault.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "#base/http.ts";
import { AuthChanges } from "#keys/auth-changes.ts";
import type { AuthGate } from "#keys/auth-gate.ts";
import type { Routes } from "#keys/client-handler.ts";
import { type AuthRefusal, isEmpty, isRefusal, ROOT, type Role } from "#keys/core/auth.ts";
import {
  decodeRole,
  decodeUser,
  encodeRole,
  encodeRoles,
  encodeUser,
  encodeUserWithRoles,
} from "#keys/core/auth-wire.ts";
import { byCodePoint } from "#keys/core/code-point-order.ts";
import { parseForm } from "#keys/core/form.ts";
import { jsonString } from "#keys/core/wire.ts";
import { allowMethod, answerJson, splitTarget } from "#keys/http-answers.ts";
import type { KeysServer } from "#keys/keys-server.ts";

/** More than any role has; etcd has no limit here. */
const BODY_MAX_BYTES = 10 << 20;

/** `/v2/auth`, as etcd's authentication API has it. */
export function authRoutes(server: KeysServer, gate: AuthGate, clusterId: string): Routes {
  const auth = new AuthHttp(server, gate, clusterId);
  return {
    "/v2/auth/roles": auth.roles,
    "/v2/auth/roles/": auth.roles,
    "/v2/auth/users": auth.users,
    "/v2/auth/users/": auth.users,
    "/v2/auth/enable": auth.enable,
  };
}

/** What a request is answered with; without a body it is empty. */
interface Answer {
  readonly status: number;
  readonly body?: string;
}

class AuthHttp {
  readonly #server: KeysServer;
  readonly #gate: AuthGate;
  readonly #changes: AuthChanges;
  readonly #clusterId: string;

  constructor(server: KeysServer, gate: AuthGate, clusterId: string) {
    this.#server = server;
    this.#gate = gate;
    this.#changes = new AuthChanges(server);
    this.#clusterId = clusterId;
  }

  readonly enable: HttpHandler = (req, res) => {
    if (!allowMethod(req, res, ["GET", "PUT", "DELETE"])) return;
    if (req.method === "GET")
      this.#settle(res, async () => ok(`{"enabled":${this.#gate.isEnabled}}\n`));
    else
      this.#asRoot(req, res, async () => {
        const isOn = req.method === "PUT";
        return orRefused(await (isOn ? this.#changes.enable() : this.#changes.disable()));
      });
  };

  readonly roles: HttpHandler = (req, res) => {
    const name = nameOf(req, res, "roles");
    if (name === undefined) return;
    if (name === "") this.#list(req, res, () => ok(`${encodeRoles(this.#allRoles())}\n`));
    else this.#one(req, res, name, this.#role);
  };

  readonly users: HttpHandler = (req, res) => {
    const name = nameOf(req, res, "users");
    if (name === undefined) return;
    if (name === "") this.#list(req, res, () => ok(this.#allUsers()));
    else this.#one(req, res, name, this.#user);
  };

  #list(req: HttpRequest, res: HttpResponse, list: () => Answer): void {
    if (!allowMethod(req, res, ["GET"])) return;
    this.#asRoot(req, res, async () => (isFormRight(req) ? list() : FAILED));
  }

  #one(
    req: HttpRequest,
    res: HttpResponse,
    name: string,
    act: (req: HttpRequest, name: string, body: string) => Promise<Answer>,
  ): void {
    if (!allowMethod(req, res, ["GET", "PUT", "DELETE"])) return;
    req.readBody(BODY_MAX_BYTES, (body) =>
      this.#asRoot(req, res, () => act(req, name, body ?? "")),
    );
  }

  #asRoot(req: HttpRequest, res: HttpResponse, act: () => Promise<Answer>): void {
    this.#gate.checkRoot(req, (isRoot) => {
      if (isRoot) this.#settle(res, act);
      else answerNotRoot(res);
    });
  }

  #settle(res: HttpResponse, act: () => Promise<Answer>): void {
    res.addHeaders(["X-Etcd-Cluster-Id", this.#clusterId]);
    act().then(
      ({ status, body = "" }) => answerJson(res, status, body),
      (error: unknown) => answerJson(res, 500, messageBody(reasonOf(error))),
    );
  }

  #allRoles(): Role[] {
    const names = [ROOT, ...this.#server.auth.names("/2/roles")].sort(byCodePoint);
    return names.flatMap((name) => this.#gate.role(name) ?? []);
  }

  #allUsers(): string {
    const names = this.#server.auth.names("/2/users").sort(byCodePoint);
    const users = names.flatMap((name) => this.#gate.user(name) ?? []);
    const shown = users.map(({ user, roles }) =>
      encodeUserWithRoles(
        user,
        (roles ?? []).flatMap((role) => this.#gate.role(role) ?? []),
      ),
    );
    return `{"users":${shown.length === 0 ? "null" : `[${shown.join(",")}]`}}\n`;
  }

  readonly #role = async (req: HttpRequest, name: string, body: string): Promise<Answer> => {
    if (req.method === "DELETE") return orRefused(await this.#changes.deleteRole(name));
    if (req.method === "PUT") return await this.#putRole(name, body);
    const role = this.#gate.role(name);
    return role ? ok(`${encodeRole(role)}\n`) : noRole(name);
  };

  async #putRole(name: string, body: string): Promise<Answer> {
    const change = decodeRole(body);
    if (change === undefined) return said(400, "Invalid JSON in request body.");
    if (change.role !== name) return said(400, "Role JSON name does not match the name in the URL");
    if (isEmpty(change.grant) && isEmpty(change.revoke)) {
      const refusal = await this.#changes.createRole(change);
      return refusal ? refused(refusal) : { status: 201, body: `${encodeRole(change)}\n` };
    }
    if (!isEmpty(change.permissions))
      return said(400, "Role JSON contains both permissions and grant/revoke");
    const role = await this.#changes.updateRole(change);
    return isRefusal(role) ? refused(role) : ok(`${encodeRole(role)}\n`);
  }

  readonly #user = async (req: HttpRequest, name: string, body: string): Promise<Answer> => {
    if (req.method === "DELETE") return orRefused(await this.#changes.deleteUser(name));
    if (req.method === "PUT") return await this.#putUser(name, body);
    const user = this.#gate.user(name);
    if (!user) return refused({ status: 404, message: `auth: User ${name} does not exist.` });
    if (!isFormRight(req)) return FAILED;
    const roles: Role[] = [];
    for (const each of user.roles ?? []) {
      const role = this.#gate.role(each);
      if (!role) return noRole(each);
      roles.push(role);
    }
    return ok(`${encodeUserWithRoles(user.user, roles)}\n`);
  };

  async #putUser(name: string, body: string): Promise<Answer> {
    const change = decodeUser(body);
    if (change === undefined) return said(400, "Invalid JSON in request body.");
    if (change.user !== name) return said(400, "User JSON name does not match the name in the URL");
    const put = await this.#changes.putUser(change);
    if (isRefusal(put)) return refused(put);
    const shown = `${encodeUser({ ...put.user, password: "" })}\n`;
    return { status: put.isCreated ? 201 : 200, body: shown };
  }
}

/** What etcd says to whoever is not root, of users, roles and members. */
export function answerNotRoot(res: HttpResponse): void {
  answerJson(res, 401, messageBody("Insufficient credentials"));
}

/** The name below `/v2/auth/WHAT`, empty for all of them; undefined when the answer is given. */
function nameOf(req: HttpRequest, res: HttpResponse, what: string): string | undefined {
  const [path] = splitTarget(req.target);
  const [name = "", ...more] = path.slice(`/v2/auth/${what}/`.length).split("/");
  if (more.length === 0 || (more.length === 1 && more[0] === "")) return name;
  answerJson(res, 400, messageBody("Invalid path"));
  return undefined;
}

function isFormRight(req: HttpRequest): boolean {
  return !("error" in parseForm([splitTarget(req.target)[1]]));
}

const FAILED: Answer = said(500, "Internal Server Error");

function ok(body: string): Answer {
  return { status: 200, body };
}

function said(status: number, message: string): Answer {
  return { status, body: messageBody(message) };
}

function refused({ status, message }: AuthRefusal): Answer {
  return said(status, message);
}

function orRefused(refusal: AuthRefusal | undefined): Answer {
  return refusal ? refused(refusal) : { status: 200 };
}

function noRole(name: string): Answer {
  return refused({ status: 404, message: `auth: Role ${name} does not exist.` });
}

function messageBody(message: string): string {
  return `{"message":${jsonString(message)}}`;
}
