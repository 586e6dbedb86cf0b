import { once } from "node:events";
import { connect, type Socket } from "node:net";
import dbus, { DBusError, type Message, type MessageBus } from "dbus-native";
import { Fault, reasonOf } from "#base/fault.ts";

/**
 * Where a systemd manager listens: its own socket without a bus in between (`/run/systemd/private` for root, a user
 * manager's `$XDG_RUNTIME_DIR/systemd/private`), or a message bus.
 */
export type SystemdAddress =
  | { readonly socketPath: string }
  | { readonly bus: "system"; readonly busSocketPath?: string };

/** A call of systemd's manager object, or of another of its objects. */
export interface ManagerCall {
  readonly member: string;
  readonly object?: { readonly path: string; readonly interface: string };
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** For the error: `Cannot ACTION: …`. */
  readonly action: string;
}

/** A D-Bus connection to one systemd manager. */
export interface Connection extends AsyncDisposable {
  /** @throws {Fault} SYSTEMD_FAILED (fact `error`: D-Bus's name of it), SYSTEMD_GONE, TIMED_OUT */
  call<T>(call: ManagerCall, signal: AbortSignal): Promise<T>;
}

export interface ConnectionHandlers {
  readonly signal: (message: Message) => void;
  readonly closed: () => void;
}

const SYSTEMD = "org.freedesktop.systemd1";
const MANAGER = {
  destination: SYSTEMD,
  path: "/org/freedesktop/systemd1",
  interface: `${SYSTEMD}.Manager`,
} as const;
const SYSTEM_BUS = "/run/dbus/system_bus_socket";
const SIGNAL = 4; // message type, D-Bus specification, "Message Format"
const ANSWER_LIMIT_MS = 90_000; // as systemctl waits for a reload: DEFAULT_TIMEOUT_USEC in systemd

/** @throws {Fault} SYSTEMD_MISSING when no systemd answers there */
export async function connectToSystemd(
  address: SystemdAddress,
  handlers: ConnectionHandlers,
  signal: AbortSignal,
): Promise<Connection> {
  const isBus = "bus" in address;
  const path = isBus ? (address.busSocketPath ?? SYSTEM_BUS) : address.socketPath;
  await using stack = new AsyncDisposableStack();
  try {
    const stream = stack.adopt(connect(path), close);
    if (!isBus) pipelineBegin(stream);
    await once(stream, "connect", { signal });
    const bus = dbus.createClient({
      stream,
      direct: !isBus,
      authMethods: ["EXTERNAL"],
      timeout: ANSWER_LIMIT_MS,
    });
    bus.connection.on("error", () => stream.destroy()); // "close" follows and tells everyone who waits
    bus.connection.on("close", handlers.closed);
    let owner: string | undefined;
    bus.connection.on("message", (message) => {
      if (message.type === SIGNAL && (!isBus || message.sender === owner)) handlers.signal(message);
    });
    if (isBus) owner = await followOwner(bus, signal);
    await bus.invoke({ ...MANAGER, member: "Subscribe" }, { signal });
    const owned = stack.move();
    return {
      call: (call, callSignal) => invoke(bus, call, callSignal),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (cause) {
    signal.throwIfAborted();
    throw missing(path, cause);
  }
}

/**
 * Has the bus deliver systemd's signals, and gives the unique name they come from, for others may send signals too.
 * Ends the connection when systemd leaves the bus: its next instance knows nothing of what was asked of this one.
 */
async function followOwner(bus: MessageBus, signal: AbortSignal): Promise<string> {
  const match = (rule: string) =>
    bus.invokeDbus({ member: "AddMatch", signature: "s", body: [rule] }, { signal });
  bus.connection.on("message", (message) => {
    if (message.sender !== "org.freedesktop.DBus" || message.member !== "NameOwnerChanged") return;
    if (message.body?.[0] === SYSTEMD) bus.connection.stream.destroy();
  });
  await match(
    `type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='${SYSTEMD}'`,
  );
  await match(`type='signal',sender='${SYSTEMD}',interface='${MANAGER.interface}'`);
  await match(
    `type='signal',sender='${SYSTEMD}',interface='org.freedesktop.DBus.Properties',path_namespace='${MANAGER.path}/unit'`,
  );
  return bus.invokeDbus<string>(
    { member: "GetNameOwner", signature: "s", body: [SYSTEMD] },
    { signal },
  );
}

async function invoke<T>(
  bus: MessageBus,
  { member, object, signature, body, action }: ManagerCall,
  signal: AbortSignal,
): Promise<T> {
  const message: Message = { ...MANAGER, ...object, member };
  if (signature !== undefined) Object.assign(message, { signature, body });
  try {
    return await bus.invoke<T>(message, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw faultOf(action, cause);
  }
}

/** What a failed call means; an error that is not D-Bus's is a mistake in the call and stays as it is. */
function faultOf(action: string, cause: unknown): unknown {
  if (!(cause instanceof DBusError)) return cause;
  if ("code" in cause && cause.code === "ETIMEDOUT")
    return new Fault(
      "TIMED_OUT",
      `Cannot ${action}: systemd did not answer within ${ANSWER_LIMIT_MS / 1_000} s`,
      { cause },
    );
  const error = cause.dbusName ?? "";
  if (("code" in cause && cause.code === "ECONNCLOSED") || LEFT_THE_BUS.has(error))
    return gone(action);
  const advice = DENIED.has(error) ? "; run as root, or allow it by a polkit rule" : "";
  const reason = cause.message.replace(/\.$/, "");
  return new Fault("SYSTEMD_FAILED", `Cannot ${action}: ${reason}${advice}`, {
    cause,
    facts: { error },
  });
}

const LEFT_THE_BUS: ReadonlySet<string> = new Set([
  "org.freedesktop.DBus.Error.ServiceUnknown",
  "org.freedesktop.DBus.Error.NameHasNoOwner",
  "org.freedesktop.DBus.Error.NoReply",
  "org.freedesktop.DBus.Error.Disconnected",
]);
const DENIED: ReadonlySet<string> = new Set([
  "org.freedesktop.DBus.Error.AccessDenied",
  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
]);

/** The fault of everything that waits when the connection is lost or closed. */
export function gone(action: string): Fault {
  return new Fault(
    "SYSTEMD_GONE",
    `Cannot ${action}: the connection to systemd closed; connect again and look at the units anew`,
  );
}

function missing(path: string, cause: unknown): Fault {
  return new Fault(
    "SYSTEMD_MISSING",
    `Cannot reach systemd at ${path}: ${reasonOf(cause)}; run as root on a machine that systemd runs, or name the socket of a user manager, $XDG_RUNTIME_DIR/systemd/private`,
    { cause },
  );
}

async function close(stream: Socket): Promise<void> {
  if (stream.closed) return;
  const closed = once(stream, "close");
  stream.destroy(); // not end(): a peer that hangs would never answer that
  await closed;
}

/**
 * Sends BEGIN together with AUTH, as sd-bus does itself. As a server, sd-bus reads up to
 * 256 bytes while authenticating; a short first call that arrives in that read is left in
 * its buffer until more bytes come, so the call hangs (seen with systemd 252).
 */
function pipelineBegin(stream: Socket): void {
  const write = stream.write.bind(stream);
  stream.write = (data: string | Uint8Array) => {
    if (data === "BEGIN\r\n") return true;
    const isAuth = typeof data === "string" && data.startsWith("AUTH EXTERNAL ");
    return write(isAuth ? `${data}BEGIN\r\n` : data);
  };
}
