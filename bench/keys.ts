import { startRealEtcd } from "#keys/real-etcd.ts";
import { startKeelsonEtcd2 } from "./support/keelson-etcd2.ts";
import { median } from "./support/percentile.ts";
import { timeOneChange } from "./support/watchers.ts";
import { type LoadResult, runWrk } from "./support/wrk.ts";

/**
 * The keys protocol of `keelson etcd2` beside a real etcd's v2 API, in one run and by turns, so that the ratios hold
 * on a loaded machine too. Both keep what they acknowledge on disk.
 */
const ROUNDS = 3;
const LOAD_S = 3;
const WATCHERS = 1_000;
const WATCH_ROUNDS = 5;
const PUT_SCRIPT = new URL("./support/put.lua", import.meta.url).pathname;

await using etcd = await startRealEtcd();
await using keelson = await startKeelsonEtcd2();
const servers = [
  { name: "etcd", url: etcd.clientUrl },
  { name: "keelson", url: keelson.clientUrl },
] as const;
type Name = (typeof servers)[number]["name"];

/** Runs `measure` against the servers in turn, the first one changing. */
async function byTurns<T>(rounds: number, measure: (url: string) => Promise<T>) {
  const results: Record<Name, T[]> = { etcd: [], keelson: [] };
  for (let round = 0; round < rounds; round += 1)
    for (const server of round % 2 === 0 ? servers : servers.toReversed())
      results[server.name].push(await measure(server.url));
  return results;
}

function row(what: string, results: Record<Name, LoadResult[]>, budget: string) {
  const of = (name: Name, field: keyof LoadResult) => median(results[name].map((r) => r[field]));
  return {
    what,
    "etcd /s": Math.round(of("etcd", "perSecond")),
    "keelson /s": Math.round(of("keelson", "perSecond")),
    ratio: round2(of("keelson", "perSecond") / of("etcd", "perSecond")),
    "etcd p99 ms": round2(of("etcd", "p99Ms")),
    "keelson p99 ms": round2(of("keelson", "p99Ms")),
    "p99 ratio": round2(of("keelson", "p99Ms") / of("etcd", "p99Ms")),
    budget,
  };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

const put = await byTurns(ROUNDS, (url) => runWrk(`${url}/v2/keys/bench`, LOAD_S, PUT_SCRIPT));
const get = await byTurns(ROUNDS, (url) => runWrk(`${url}/v2/keys/bench/key1`, LOAD_S));
console.table([
  row("GET, 64 connections", get, "ratio 1.2, p99 ratio 1"),
  row("PUT, 64 connections", put, "ratio 1.2, p99 ratio 1"),
]);

const watch = await byTurns(WATCH_ROUNDS, (url) => timeOneChange(url, WATCHERS));
console.table([
  {
    what: `one change to ${WATCHERS} watchers`,
    "etcd p99 ms": round2(median(watch.etcd)),
    "keelson p99 ms": round2(median(watch.keelson)),
    "keelson worst ms": round2(Math.max(...watch.keelson)),
    budget: "p99 100 ms",
  },
]);
