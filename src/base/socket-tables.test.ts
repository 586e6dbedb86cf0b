import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { type AddressInfo, createServer, type ListenOptions } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readSocketTables, socketAddress } from "./socket-tables.ts";

/** Where a socket listens, by Node and by its inode. */
async function listening(t: TestContext, options: ListenOptions) {
  const server = createServer().listen(options);
  await once(server, "listening");
  t.after(() => server.close());
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const [, inode = ""] = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${fd}`)) ?? [];
  return { bound: server.address(), found: socketAddress(inode, await readSocketTables()) };
}

for (const host of ["127.0.0.1", "0.0.0.0", "::1", "::"])
  test(`socketAddress() finds where a TCP socket on ${host} listens`, async (t) => {
    const { bound, found } = await listening(t, { host, port: 0 });
    assert.deepEqual(found, { kind: "tcp", host, port: (bound as AddressInfo).port });
  });

test("socketAddress() finds the path of a unix socket, and nothing of what is no socket's inode", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "keelson-socket-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "a.sock");
  const { found } = await listening(t, { path });
  assert.deepEqual(found, { kind: "unix", path });
  assert.equal(socketAddress("none", await readSocketTables()), undefined);
});

test("socketAddress() reads the tables' numbers, lowest byte first", () => {
  const line = (local: string) =>
    `   0: ${local} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n`;
  const at = (tcp: string, tcp6 = "") => socketAddress("4711", { unix: "", tcp, tcp6 });
  const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });
  assert.deepEqual(at(line("070200C0:C001")), tcp("192.0.2.7", 49_153));
  const ipv6 = "B80D0120000000000000000007000000:094B";
  assert.deepEqual(at("", line(ipv6)), tcp("2001:db8::7", 2379));
});
