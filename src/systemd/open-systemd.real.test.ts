import assert from "node:assert/strict";
import { mkdir, readlink, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LEASE_UNITS } from "#systemd/core/lease-units.ts";
import { openSystemd } from "#systemd/open-systemd.ts";
import { testSystemdConformance } from "#systemd/systemd-conformance.ts";
import { privateSystemdMissing, startPrivateSystemd } from "#test/support/private-systemd.ts";

const SKIP = privateSystemdMissing();
const LIMIT_MS = 30_000;
const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

async function writeUnit(root: string, name: string, text: string): Promise<string> {
  const path = join(root, "units", name);
  await mkdir(join(root, "units"), { recursive: true });
  await writeFile(path, text);
  return path;
}

testSystemdConformance(
  "private systemd",
  async () => {
    const host = await startPrivateSystemd();
    for (const [name, text] of LEASE_UNITS)
      await writeFile(join(host.root, "etc/systemd/system", name), text);
    return {
      open: () => openSystemd({ socketPath: host.socketPath }, AbortSignal.timeout(LIMIT_MS)),
      write: (name, text) => writeUnit(host.root, name, text),
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    };
  },
  SKIP,
);

test("a link to a file that is gone can be unlinked", { skip: SKIP }, async () => {
  await using host = await startPrivateSystemd();
  const signal = AbortSignal.timeout(LIMIT_MS);
  await using systemd = await openSystemd({ socketPath: host.socketPath }, signal);
  const path = await writeUnit(host.root, "web.service", SLEEP);
  await systemd.linkUnitFiles([path], signal);
  const link = join(host.runtimeDir, "systemd/user/web.service");
  assert.equal(await readlink(link), path);
  await rm(path);
  await systemd.unlinkUnitFiles(["web.service"], signal);
  await assert.rejects(readlink(link), { code: "ENOENT" });
});

test("the manager's end rejects all that waits", { skip: SKIP }, async () => {
  await using host = await startPrivateSystemd();
  const signal = AbortSignal.timeout(LIMIT_MS);
  await using systemd = await openSystemd({ socketPath: host.socketPath }, signal);
  const slow = "[Service]\nType=oneshot\nExecStart=/bin/sleep 600\n";
  await systemd.linkUnitFiles([await writeUnit(host.root, "slow.service", slow)], signal);
  const waiting = Promise.allSettled([
    systemd.startUnit("slow.service", signal),
    Array.fromAsync(systemd.changes(signal)),
  ]);
  await systemd.list(signal); // answered in order: the start is queued now
  await host.kill();
  for (const end of await waiting)
    assert.equal(end.status === "rejected" && end.reason.code, "SYSTEMD_GONE");
  await assert.rejects(systemd.status(["slow.service"], signal), { code: "SYSTEMD_GONE" });
  await assert.rejects(openSystemd({ socketPath: host.socketPath }, signal), {
    code: "SYSTEMD_MISSING",
  });
});

test("the first call on a new connection is answered, every time", { skip: SKIP }, async () => {
  await using host = await startPrivateSystemd();
  for (let i = 0; i < 100; i += 1) {
    const signal = AbortSignal.timeout(LIMIT_MS);
    await using systemd = await openSystemd({ socketPath: host.socketPath }, signal);
    assert((await systemd.list(signal)).length > 0);
  }
});

test("a message bus does as well, until systemd leaves it", { skip: SKIP }, async () => {
  await using host = await startPrivateSystemd();
  const signal = AbortSignal.timeout(LIMIT_MS);
  const address = { bus: "system", busSocketPath: join(host.runtimeDir, "bus") } as const;
  await using direct = await openSystemd({ socketPath: host.socketPath }, signal);
  await direct.linkUnitFiles([await writeUnit(host.root, "web.service", SLEEP)], signal);

  // The first client starts the bus, and systemd joins it when it is up.
  let opened = await openSystemd(address, signal).catch((error: unknown) => error);
  while (opened instanceof Error && !signal.aborted) {
    await sleep(50);
    opened = await openSystemd(address, signal).catch((error: unknown) => error);
  }
  await using systemd = opened as Awaited<ReturnType<typeof openSystemd>>;
  const changes = systemd.changes(signal);
  assert.equal(await systemd.startUnit("web.service", signal), "done");
  for await (const name of changes) if (name === "web.service") break;
  const [row] = await systemd.status(["web.service"], signal);
  assert.equal(row?.subState, "running");
  const followed = Array.fromAsync(systemd.changes(signal));
  const lost = assert.rejects(followed, { code: "SYSTEMD_GONE" });
  await host.kill();
  await lost;
});

test("openSystemd() says where there is no systemd", async () => {
  await assert.rejects(
    openSystemd({ socketPath: "/no/such/socket" }, AbortSignal.timeout(LIMIT_MS)),
    {
      code: "SYSTEMD_MISSING",
      message: /^Cannot reach systemd at \/no\/such\/socket: connect ENOENT .*; run as root/,
    },
  );
});

test("openSystemd() gives up on a silent peer when told", { skip: SKIP }, async (t) => {
  const server = createServer(() => {});
  const path = `/tmp/keelson-silent-${crypto.randomUUID()}`;
  const sockets: { destroy(): void }[] = [];
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await assert.rejects(openSystemd({ socketPath: path }, AbortSignal.timeout(300)), {
    name: "TimeoutError",
  });
});
