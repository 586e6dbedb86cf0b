import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { listen } from "#base/listen.ts";
import { TestAuthority } from "#base/tls-for-tests.ts";
import { openBench } from "./fleetctl-bench.ts";
import { runFleetctl } from "./fleetctl-run.ts";

/** A server on a free port; it takes requests, and `answer` says what becomes of them. */
async function serve(answer: Parameters<typeof createServer>[1]) {
  const server: Server = createServer(answer!);
  await listen(server, { kind: "tcp", host: "127.0.0.1", port: 0 });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("fleetctl asks the next endpoint when one takes the request and never answers", async () => {
  await using bench = await openBench();
  let asked = 0;
  await using silent = await serve(() => void (asked += 1));
  const endpoint = `${silent.endpoint},${bench.options.env["FLEETCTL_ENDPOINT"]}`;
  const run = (...words: string[]) =>
    runFleetctl(["--request-timeout=4", `--endpoint=${endpoint}`, ...words], bench.options);
  const listed = await run("list-machines", "--no-legend", "--fields=ip");
  assert.equal(listed.stderr, "");
  assert.equal(listed.stdout, "172.31.7.11\n172.31.7.12\n172.31.7.13\n");
  assert.equal(listed.exit, 0);
  assert.equal(asked, 1);
  const started = await run("start", "--no-block", "foo");
  assert.deepEqual(
    [started.stderr, started.exit, bench.fleet.units.get("foo.service")?.desiredState],
    ["", 0, "launched"],
  );
});

test("fleetctl follows a journal that is silent for longer than an endpoint has for other answers", async () => {
  await using bench = await openBench();
  await runFleetctl(["start", "foo"], bench.options);
  const socketPath = new URL(bench.options.env["FLEETCTL_ENDPOINT"]!).pathname;
  await using quiet = await serve((asked, response) => {
    if (!asked.url!.includes("/journal")) {
      request({ socketPath, path: asked.url }, (answer) => answer.pipe(response)).end();
      return;
    }
    setTimeout(() => response.write("first\n"), 2500);
    setTimeout(() => response.end("last\n"), 5000);
  });
  // The share of each is 2 s.
  const outcome = await runFleetctl(
    [
      "--request-timeout=4",
      `--endpoint=${quiet.endpoint},unix://${socketPath}`,
      "journal",
      "-f",
      "foo",
    ],
    { ...bench.options, signal: AbortSignal.timeout(20_000) },
  );
  assert.deepEqual(outcome, { stdout: "first\nlast\n", stderr: "", exit: 0 });
});

test("fleetctl says which endpoints did not answer, and within how many seconds", async () => {
  await using bench = await openBench();
  await using silent = await serve(() => {});
  const gone = `unix://${join(bench.options.cwd, "gone.sock")}`;
  const { stderr, exit } = await runFleetctl(
    ["--request-timeout=0.2", `--endpoint=${gone},${silent.endpoint}`, "list-units"],
    bench.options,
  );
  assert.equal(
    stderr,
    `Error retrieving list of units from repository: Cannot list states: no answer from ${gone} or ${silent.endpoint} within 0.2 s; see whether fleetd and its store are well, or raise --request-timeout\n`,
  );
  assert.equal(exit, 1);
});

test("fleetctl says that a server which is not fleetd has no fleet API", async () => {
  await using bench = await openBench();
  await using etcd = await serve((_, response) => {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
    response.end("404 page not found\n");
  });
  const problem = `Cannot reach fleet: no endpoint answered: ${etcd.endpoint} (something else answers there, no fleet API: HTTP status 404); is fleetd running there?`;
  const at = (endpoint: string, ...words: string[]) =>
    runFleetctl([`--endpoint=${endpoint}`, ...words], bench.options);
  const listed = await at(etcd.endpoint, "list-units");
  assert.equal(listed.stderr, `Error retrieving list of units from repository: ${problem}\n`);
  // It is not the unit that does not exist.
  assert.equal((await at(etcd.endpoint, "status", "foo")).stderr, `${problem}\n`);
  const other = `${etcd.endpoint},${bench.options.env["FLEETCTL_ENDPOINT"]}`;
  assert.equal((await at(other, "list-units", "--no-legend")).exit, 0);
});

test("fleetctl tells who gave no endpoint how to find the machines made by keelson", async () => {
  await using bench = await openBench();
  const { cwd } = bench.options;
  const run = async (env: Readonly<Record<string, string>>) =>
    (await runFleetctl(["list-units"], { cwd, env })).stderr;
  const hint =
    /running there\? With machines made by keelson, run this first: eval "\$\(keelson env\)"\n$/;
  assert.match(await run({}), hint); // no fleetd runs where the tests do
  assert.doesNotMatch(await run({ FLEETCTL_ENDPOINT: `unix://${cwd}/none.sock` }), /keelson env/);
  assert.doesNotMatch(await run({ KEELSON_ROOT: cwd }), /keelson env/);
});

test("fleetctl reaches an endpoint by https, showing its certificate, and says what is wrong with either", async () => {
  await using bench = await openBench();
  using authority = new TestAuthority();
  const pair = authority.issue("server");
  const [cert, key, ca] = [pair.certFile, pair.keyFile, authority.caFile].map((path) =>
    readFileSync(path),
  );
  const mine = authority.issue("client");
  const socketPath = new URL(bench.options.env["FLEETCTL_ENDPOINT"]!).pathname;
  const front = createTlsServer({ cert, key, ca, requestCert: true }, (socket) => {
    const behind = connect(socketPath);
    socket.on("error", () => behind.destroy()).pipe(behind);
    behind.on("error", () => socket.destroy()).pipe(socket);
  });
  await listen(front, { kind: "tcp", host: "127.0.0.1", port: 0 });
  try {
    const at = `--endpoint=https://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const run = (...words: string[]) => runFleetctl([at, ...words], bench.options);
    const list = ["list-machines", "--no-legend", "--fields=ip"];
    const shown = [`--cert-file=${mine.certFile}`, `--key-file=${mine.keyFile}`];
    assert.deepEqual(await run(`--ca-file=${authority.caFile}`, ...shown, ...list), {
      stdout: "172.31.7.11\n172.31.7.12\n172.31.7.13\n",
      stderr: "",
      exit: 0,
    });
    for (const [words, message] of [
      [shown, /its certificate is signed by no authority that this client trusts/],
      [[`--ca-file=${authority.caFile}`], /it wants a certificate of this client/],
      [[`--ca-file=${authority.path("none.pem")}`], /Cannot read an authority's certificate/],
      [["--tunnel=127.0.0.1"], /--tunnel has no TLS/],
    ] as const) {
      const { exit, stderr } = await run(...words, ...list);
      assert.match(stderr, message);
      assert.notEqual(exit, 0);
    }
  } finally {
    front.close();
  }
});
