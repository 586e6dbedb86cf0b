import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { FileSource, StdinSource } from "./file-source.ts";
import { startFakeService } from "./metadata-service-for-tests.ts";
import { openSource } from "./source-choice-for-tests.ts";

const signal = new AbortController().signal;
const clock = systemClock;

async function makeDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

async function bootedWith(t: TestContext, commandLine: string): Promise<string> {
  const root = await makeDirectory(t);
  await mkdir(join(root, "proc"));
  await writeFile(join(root, "proc/cmdline"), commandLine);
  return root;
}

test("the kernel's command line names where user-data is", async (t) => {
  await using service = await startFakeService({ "/ud": "#cloud-config\n" });
  const machineRoot = await bootedWith(t, `root=/dev/sda cloud-config-url=${service.url}ud\n`);
  const source = await openSource({ procCmdline: true }, { clock, machineRoot });
  assert.deepEqual(await source.availability(signal), { available: true });
  assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), "#cloud-config\n");
  assert.deepEqual(service.requests, ["/ud"]); // asked once, unlike --from-url
});

test("a kernel's command line without a URL is no source, and never becomes one", async (t) => {
  const machineRoot = await bootedWith(t, "root=/dev/sda cloud-config-url quiet\n");
  const source = await openSource({ procCmdline: true }, { clock, machineRoot });
  assert.equal(source.mayAppear, false);
  assert.equal((await source.availability(signal)).available, false);
  await assert.rejects(source.fetchUserData(signal), { code: "SOURCE_FAILED" });
  const nowhere = await openSource({ procCmdline: true }, { clock, machineRoot: "/nowhere" });
  assert.equal((await nowhere.availability(signal)).available, false);
});

test("a URL is available once it is there", async () => {
  await using service = await startFakeService({ "/ud": [{ status: 404 }, "#!/bin/sh\n"] });
  const source = await openSource({ url: `${service.url}ud` }, { clock });
  assert.deepEqual(await source.availability(signal), {
    available: false,
    reason: "it answers 404",
  });
  assert.deepEqual(await source.availability(signal), { available: true });
  assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), "#!/bin/sh\n");
  const gone = await openSource({ url: `${service.url}gone` }, { clock });
  await assert.rejects(gone.fetchUserData(signal), {
    code: "SOURCE_FAILED",
    message: `Cannot fetch ${service.url}gone: the server answers 404; see that the user-data is there`,
  });
});

test("a file is available once it is there; what else is wrong is told when it is read", async (t) => {
  const directory = await makeDirectory(t);
  const source = new FileSource(join(directory, "user-data"));
  assert.equal((await source.availability()).available, false);
  await writeFile(source.place, "#cloud-config\n");
  assert.deepEqual(await source.availability(), { available: true });
  assert.equal(new TextDecoder().decode(await source.fetchUserData()), "#cloud-config\n");
  const folder = new FileSource(directory);
  assert.deepEqual(await folder.availability(), { available: true });
  await assert.rejects(folder.fetchUserData(), { code: "FILE_UNREADABLE" });
});

test("the standard input is read whole, and no more than user-data may be", async () => {
  const source = new StdinSource(Readable.from([Buffer.from("#cloud"), Buffer.from("-config")]));
  assert.equal(new TextDecoder().decode(await source.fetchUserData()), "#cloud-config");
  const flood = Array.from({ length: 20 }, () => Buffer.alloc(1024 * 1024));
  await assert.rejects(new StdinSource(Readable.from(flood)).fetchUserData(), {
    code: "FILE_UNREADABLE",
    message: /larger than/,
  });
});

test("EC2's service is asked with a token where it wants one, and only it gets the token", async () => {
  const asked: string[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(`elsewhere ${String(request.headers["x-aws-ec2-metadata-token"])}`);
    response.end("#cloud-config\n");
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  const { port } = elsewhere.address() as AddressInfo;
  const server = createServer((request, response) => {
    const token = request.headers["x-aws-ec2-metadata-token"];
    const seconds = request.headers["x-aws-ec2-metadata-token-ttl-seconds"];
    asked.push(`${request.method} ${request.url} ${String(token ?? seconds)}`);
    if (request.method === "PUT") return void response.end("secret");
    if (token !== "secret") return void response.writeHead(401).end();
    if (request.url?.endsWith("user-data"))
      response.writeHead(302, { location: `http://127.0.0.1:${port}/` });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const source = await openSource({ ec2Metadata: root }, { clock });
    assert.deepEqual(await source.availability(signal), { available: true });
    assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), "#cloud-config\n");
    assert.deepEqual(asked, [
      "GET /2009-04-04/ undefined",
      "PUT /latest/api/token 21600",
      "GET /2009-04-04/ secret",
      "GET /2009-04-04/user-data secret",
      "elsewhere undefined",
    ]);
  } finally {
    for (const each of [server, elsewhere]) {
      each.closeAllConnections();
      each.close();
    }
  }
});

test("EC2's service that gives no token is not available", async () => {
  await using service = await startFakeService({ "/2009-04-04/": { status: 401 } });
  const source = await openSource({ ec2Metadata: service.url }, { clock });
  const reason = "/2009-04-04/ answers 401";
  assert.deepEqual(await source.availability(signal), { available: false, reason });
  assert.deepEqual(service.requests, ["/2009-04-04/", "/latest/api/token"]);
});
