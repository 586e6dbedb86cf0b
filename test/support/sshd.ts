import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const LIMIT_MS = 30_000;

export interface Sshd extends AsyncDisposable {
  readonly port: number;
  /** Who may log in: whoever runs the tests, by the key of `config`. */
  readonly user: string;
  /** ssh_config(5) for every host: the key and the host's key, and nothing else. */
  readonly config: string;
  readonly knownHosts: string;
  /** What sshd logged so far. */
  readonly log: () => string;
}

/** In a mount namespace, for the directory that a root's sshd wants and that the host may not have. */
const START = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd "$@"';

/**
 * A real sshd on a loopback port, with keys and configuration of its own.
 * @param environment of those who log in
 */
export async function openSshd(environment: Readonly<Record<string, string>> = {}): Promise<Sshd> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "keelson-sshd-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const path = (name: string) => join(directory, name);
  for (const name of ["host", "id"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path(name)]);
  const port = await freePort();
  const hostKey = (await readFile(path("host.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
  await writeFile(path("known_hosts"), `[127.0.0.1]:${port} ${hostKey}\n`);
  const user = userInfo().username;
  await writeFile(
    path("sshd_config"),
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${path("host")}
AuthorizedKeysFile ${path("id.pub")}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
${setEnvironment(environment)}
`,
  );
  await writeFile(
    path("ssh_config"),
    `IdentityFile ${path("id")}
IdentitiesOnly yes
UserKnownHostsFile ${path("known_hosts")}
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
`,
  );
  const namespace = process.geteuid?.() === 0 ? ["--mount"] : ["--map-current-user", "--mount"];
  const words = ["sh", "-c", START, "sh", "-D", "-e", "-f", path("sshd_config")];
  const child = spawn("unshare", [...namespace, ...words], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = once(child, "exit");
  stack.defer(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const end = Date.now() + LIMIT_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`sshd does not run: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const owned = stack.move();
  return {
    port,
    user,
    config: path("ssh_config"),
    knownHosts: path("known_hosts"),
    log: () => log,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function setEnvironment(environment: Readonly<Record<string, string>>): string {
  const words = Object.entries(environment).map(([name, value]) => `"${name}=${value}"`);
  return words.length === 0 ? "" : `SetEnv ${words.join(" ")}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address === "string" || address === null) throw new Error("no port");
  return address.port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "data", { signal: AbortSignal.timeout(2000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
