import { spawn } from "node:child_process";
import { once } from "node:events";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { median } from "./support/percentile.ts";
import type { ServerUnderLoad } from "./support/server.ts";
import { type LoadResult, runWrk } from "./support/wrk.ts";

/**
 * PUTs over the log in a real etcd beside the same etcd's own v2 API, by turns: what a server of a cluster does,
 * without the network. Both wait for the same disk.
 */
const RATIO_MIN = 1;
const ROUNDS = 5;
const SECONDS = 3;
const LOADS = [64, 1, 256];

const PUT = { path: "/v2/keys/bench", script: "./put.lua" };

await using etcd = await startRealEtcd();
const port = await freePort();
const child = spawn(
  process.execPath,
  [
    "--disable-warning=ExperimentalWarning",
    new URL("support/etcd-log-server.ts", import.meta.url).pathname,
    etcd.clientUrl,
    String(port),
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
try {
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the server ended")));
  await Promise.race([once(child.stdout, "data"), ended]);
  const servers = {
    etcd: { clientUrl: etcd.clientUrl, pid: etcd.process.pid ?? 0 },
    keelson: { clientUrl: `http://127.0.0.1:${port}`, pid: child.pid ?? 0 },
  };
  for (const server of Object.values(servers)) await load(server, 64, 2); // to warm up
  const rows: object[] = [];
  for (const connections of LOADS) {
    const rates: Record<keyof typeof servers, LoadResult[]> = { etcd: [], keelson: [] };
    for (let round = 0; round < ROUNDS; round++)
      for (const name of round % 2 === 0
        ? (["etcd", "keelson"] as const)
        : (["keelson", "etcd"] as const))
        rates[name].push(await load(servers[name], connections, SECONDS));
    rows.push(rowOf(connections, rates));
  }
  console.table(rows);
} finally {
  child.kill("SIGKILL");
}

function load(server: ServerUnderLoad, connections: number, seconds: number): Promise<LoadResult> {
  return runWrk(server, { ...PUT, connections, seconds });
}

function rowOf(connections: number, { etcd, keelson }: Record<"etcd" | "keelson", LoadResult[]>) {
  const of = (results: LoadResult[], field: keyof LoadResult) =>
    median(results.map((result) => result[field]));
  const ratio = of(keelson, "perSecond") / of(etcd, "perSecond");
  return {
    what: `PUT, ${connections} connections`,
    "etcd /s": Math.round(of(etcd, "perSecond")),
    "keelson /s": Math.round(of(keelson, "perSecond")),
    ratio: Math.round(ratio * 100) / 100,
    "etcd p99 ms": Math.round(of(etcd, "p99Ms") * 10) / 10,
    "keelson p99 ms": Math.round(of(keelson, "p99Ms") * 10) / 10,
    "keelson's own CPU us": Math.round(of(keelson, "cpuUs") * 10) / 10,
    budget: connections === 64 ? `${RATIO_MIN}: ${ratio >= RATIO_MIN ? "met" : "MISSED"}` : "",
  };
}
