import { setTimeout as sleep } from "node:timers/promises";
import { fill, keyOf, openIdle } from "./support/connections.ts";
import { NAMES, type Name, Pair } from "./support/pair.ts";
import { median } from "./support/percentile.ts";
import { residentMb, type ServerUnderLoad } from "./support/server.ts";
import { timeOneChange } from "./support/watchers.ts";
import { type Load, type LoadResult, runWrk } from "./support/wrk.ts";

/**
 * The keys protocol of `keelson etcd2` beside a real etcd's v2 API, in one run and by turns, so that the ratios hold
 * on a loaded machine too. Both keep what they acknowledge on disk. About four minutes.
 */
const RATE_RATIO_MIN = 1.2;
const P99_RATIO_MAX = 1;
const WATCHERS = 1_000;
const WATCH_P99_MAX_MS = 100;
const WATCH_ROUNDS = 5;
const KEYS = 100_000;
const IDLE_CONNECTIONS = 10_000;

const PUT = { path: "/v2/keys/bench", script: "./put.lua" };
const GET = { path: "/v2/keys/bench/key1" };
const MIXED = { path: "/v2/keys/bench", script: "./mixed.lua" };

const LOADS: readonly (Omit<Load, "seconds"> & {
  readonly what: string;
  readonly hasBudget: boolean;
})[] = [
  { what: "PUT", ...PUT, connections: 64, hasBudget: true },
  { what: "GET", ...GET, connections: 64, hasBudget: true },
  { what: "90 % GET, 10 % PUT", ...MIXED, connections: 64, hasBudget: true },
  { what: "PUT", ...PUT, connections: 1, hasBudget: false },
  { what: "GET", ...GET, connections: 1, hasBudget: false },
  { what: "PUT", ...PUT, connections: 16, hasBudget: false },
  { what: "GET", ...GET, connections: 16, hasBudget: false },
  { what: "PUT", ...PUT, connections: 256, hasBudget: false },
  { what: "GET", ...GET, connections: 256, hasBudget: false },
];

const round1 = (value: number) => Math.round(value * 10) / 10;
const round2 = (value: number) => Math.round(value * 100) / 100;

await using pair = await Pair.start();
await measureIdle(); // before there is memory to use again
await measureLoads();
await measureWatchers();
await measureKeys();

async function measureLoads(): Promise<void> {
  await pair.byTurns(1, (server) => runWrk(server, { ...PUT, connections: 64, seconds: 2 })); // to warm up
  const rows: object[] = [];
  for (const { what, hasBudget, ...load } of LOADS) {
    const [rounds, seconds] = hasBudget ? [3, 3] : [2, 2];
    const results = await pair.byTurns(rounds, (server) => runWrk(server, { ...load, seconds }));
    rows.push(loadRow(`${what}, ${load.connections} connections`, results, hasBudget));
  }
  console.table(rows);
}

function loadRow(what: string, results: Record<Name, LoadResult[]>, hasBudget: boolean): object {
  const of = (name: Name, field: keyof LoadResult) => median(results[name].map((r) => r[field]));
  const ratioOf = (field: keyof LoadResult) => round2(of("keelson", field) / of("etcd", field));
  const [rate, p99] = [ratioOf("perSecond"), ratioOf("p99Ms")];
  const isMet = rate >= RATE_RATIO_MIN && p99 <= P99_RATIO_MAX;
  return {
    what,
    "etcd /s": Math.round(of("etcd", "perSecond")),
    "keelson /s": Math.round(of("keelson", "perSecond")),
    ratio: rate,
    "etcd p99 ms": round2(of("etcd", "p99Ms")),
    "keelson p99 ms": round2(of("keelson", "p99Ms")),
    "p99 ratio": p99,
    "etcd CPU us": round1(of("etcd", "cpuUs")),
    "keelson CPU us": round1(of("keelson", "cpuUs")),
    budget: hasBudget ? `${RATE_RATIO_MIN}, ${P99_RATIO_MAX}: ${isMet ? "met" : "MISSED"}` : "",
  };
}

async function measureWatchers(): Promise<void> {
  const told = await pair.byTurns(WATCH_ROUNDS, ({ clientUrl }) =>
    timeOneChange(clientUrl, WATCHERS),
  );
  const p99Ms = median(told.keelson);
  const row = {
    what: `one change to ${WATCHERS} watchers`,
    "etcd p99 ms": round2(median(told.etcd)),
    "keelson p99 ms": round2(p99Ms),
    ratio: round2(p99Ms / median(told.etcd)),
    "keelson worst ms": round2(Math.max(...told.keelson)),
    budget: `${WATCH_P99_MAX_MS} ms: ${p99Ms <= WATCH_P99_MAX_MS ? "met" : "MISSED"}`,
  };
  console.table([row]);
}

/** Memory that a server needs for connections on which nothing happens. */
async function measureIdle(): Promise<void> {
  const kbEach = async ({ clientUrl, pid }: ServerUnderLoad) => {
    const beforeMb = residentMb(pid);
    const sockets = await openIdle(clientUrl, IDLE_CONNECTIONS);
    const usedMb = residentMb(pid) - beforeMb;
    for (const socket of sockets) socket.destroy();
    await sleep(500); // for the ports to be free
    return (usedMb * 1024) / IDLE_CONNECTIONS;
  };
  const each = await pair.byTurns(1, kbEach);
  console.table([compared(`${IDLE_CONNECTIONS} idle connections, kB each`, each)]);
}

async function measureKeys(): Promise<void> {
  const rows: object[] = [];
  const empty = await restartBoth();
  const before = await pair.byTurns(1, async ({ pid }) => residentMb(pid));
  const filled = await pair.byTurns(1, async ({ clientUrl, pid }) => {
    const startMs = performance.now();
    await fill(clientUrl, KEYS);
    return { seconds: (performance.now() - startMs) / 1000, mb: residentMb(pid) };
  });
  const restarted = await restartBoth();
  const after = await pair.byTurns(1, async (server) => {
    await assertFilled(server);
    return residentMb(server.pid);
  });
  const of = (name: Name) => filled[name].map(({ mb }) => mb);
  rows.push(compared("restart with the keys of the loads, ms", empty));
  rows.push(compared("memory then, MB", before));
  rows.push(
    compared(`memory after setting ${KEYS} more, MB`, { etcd: of("etcd"), keelson: of("keelson") }),
  );
  rows.push(compared(`restart with ${KEYS} keys, ms`, restarted));
  rows.push(compared("memory then, MB", after));
  console.table(rows);
}

async function restartBoth(): Promise<Record<Name, number[]>> {
  const took: Record<Name, number[]> = { etcd: [], keelson: [] };
  for (const name of NAMES) took[name].push(await pair.restart(name));
  return took;
}

async function assertFilled({ clientUrl }: ServerUnderLoad): Promise<void> {
  const answer = await fetch(`${clientUrl}/v2/keys/${keyOf(KEYS - 1)}`);
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${clientUrl} has lost keys: it answers ${answer.status}`);
}

function compared(what: string, results: Record<Name, number[]>): object {
  const [etcd, keelson] = [median(results.etcd), median(results.keelson)];
  return { what, etcd: round1(etcd), keelson: round1(keelson), ratio: round2(keelson / etcd) };
}
