import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Family, parseExposition } from "#base/prometheus-for-tests.ts";
import { startMember, type TestMember } from "#keys/member-for-tests.ts";
import { familiesOf } from "#keys/metrics-http.ts";
import { type RealEtcd, startRealEtcd } from "#keys/real-etcd.ts";

const LIMIT_MS = 30_000;
let real: RealEtcd;
let ours: TestMember;

before(async () => {
  [real, ours] = await Promise.all([startRealEtcd(), startMember()]);
});
after(async () => {
  await ours?.[Symbol.asyncDispose]();
  await real?.[Symbol.asyncDispose]();
});

async function scrape(url: string): Promise<Map<string, Family>> {
  const answer = await fetch(`${url}/metrics`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(await answer.text());
}

async function send(url: string, method: string, path: string, form?: string): Promise<void> {
  const body = form === undefined ? null : new URLSearchParams(form);
  const answer = await fetch(`${url}/v2/keys${path}`, { method, body });
  await answer.text();
}

const REQUESTS: readonly (readonly [method: string, path: string, form?: string])[] = [
  ["PUT", "/a", "value=1"],
  ["PUT", "/a", "value=2"],
  ["PUT", "/a", "value=3&prevValue=2"],
  ["PUT", "/a", "value=3&prevValue=none"],
  ["PUT", "/a", "value=3&prevExist=true"],
  ["PUT", "/none", "value=3&prevExist=true"],
  ["PUT", "/a", "value=3&prevExist=false"],
  ["PUT", "/a/below", "value=1"],
  ["PUT", "/bad", "ttl=x"],
  ["PUT", "/short", "value=1&ttl=1"],
  ["POST", "/queue", "value=1"],
  ["GET", "/a"],
  ["GET", "/none"],
  ["GET", "/?recursive=true"],
  ["GET", "/none?recursive=true"],
  ["GET", "/a?quorum=true"],
  ["GET", "/a?wait=true&waitIndex=4"],
  ["DELETE", "/a?prevValue=none"],
  ["DELETE", "/a?prevValue=3"],
  ["DELETE", "/a"],
];

/** Told by both with equal types, labels and, unless it is time or a machine's state, values. */
const EQUAL_VALUES = [
  "etcd_http_received_total",
  "etcd_http_failed_total",
  "etcd_debugging_store_writes_total",
  "etcd_debugging_store_expires_total",
  "etcd_debugging_store_watch_requests_total",
  "etcd_debugging_store_watchers",
  "etcd_server_has_leader",
  "etcd_server_is_leader",
  "etcd_server_leader_changes_seen_total",
  "etcd_server_proposals_pending",
  "etcd_server_proposals_failed_total",
];
const EQUAL_LABELS = [
  "etcd_http_successful_duration_seconds",
  "etcd_disk_wal_fsync_duration_seconds",
  "etcd_debugging_snap_save_total_duration_seconds",
  "etcd_debugging_store_reads_total",
  "etcd_server_proposals_committed_total",
  "etcd_server_proposals_applied_total",
  "etcd_server_health_success",
  "etcd_server_health_failures",
  "process_cpu_seconds_total",
  "process_max_fds",
  "process_open_fds",
  "process_resident_memory_bytes",
  "process_start_time_seconds",
  "process_virtual_memory_bytes",
];

const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const untilMs = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    assert.ok(performance.now() < untilMs, what);
    await sleep(100);
  }
};

test("the same requests are counted under the same names and labels as by etcd", async () => {
  for (const url of [real.clientUrl, ours.clientUrl]) {
    for (const request of REQUESTS) await send(url, ...request);
    await until("the short key expires", async () => {
      const found = (await scrape(url)).get("etcd_debugging_store_expires_total");
      return found?.samples.get("etcd_debugging_store_expires_total") === 1;
    });
  }
  const [theirs, mine] = [await scrape(real.clientUrl), await scrape(ours.clientUrl)];
  for (const name of [...EQUAL_VALUES, ...EQUAL_LABELS]) {
    const [a, b] = [theirs.get(name), mine.get(name)];
    assert.ok(a && b, name);
    assert.equal(b.type, a.type, name);
    assert.equal(b.help, a.help, name);
    const keys = (family: Family) => [...family.samples.keys()].toSorted();
    assert.deepEqual(keys(b), keys(a), name);
    if (EQUAL_VALUES.includes(name)) assert.deepEqual(new Map(sorted(b)), new Map(sorted(a)), name);
  }
  const counts = ["DELETE", "GET", "POST", "PUT", "QGET"].map((method) => {
    const key = `etcd_http_successful_duration_seconds_count{method="${method}"}`;
    const [a, b] = [theirs, mine].map((each) =>
      each.get("etcd_http_successful_duration_seconds")?.samples.get(key),
    );
    assert.equal(b, a, key);
    return b;
  });
  assert.ok(counts.every((count) => count !== undefined && count > 0));
});

function sorted({ samples }: Family): [string, number][] {
  return [...samples].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

test("Keelson's own are told, those of the event loop from the second scrape on", async () => {
  await scrape(ours.clientUrl);
  await until("the event loop is measured", async () =>
    (await scrape(ours.clientUrl)).has("keelson_event_loop_delay_seconds"),
  );
  const families = await scrape(ours.clientUrl);
  for (const name of [
    "keelson_log_batch_entries",
    "keelson_event_loop_seconds_total",
    "keelson_heap_used_bytes",
  ])
    assert.ok((families.get(name)?.samples.size ?? 0) > 0, name);
  assert.equal((await fetch(`${ours.clientUrl}/metrics`, { method: "POST" })).status, 405);
});

test("a watcher is counted as long as it is there", async () => {
  const watchers = async () =>
    (await scrape(ours.clientUrl))
      .get("etcd_debugging_store_watchers")
      ?.samples.get("etcd_debugging_store_watchers");
  const gone = new AbortController();
  const watch = await fetch(`${ours.clientUrl}/v2/keys/w?wait=true`, { signal: gone.signal });
  assert.equal(watch.status, 200);
  assert.equal(await watchers(), 1);
  gone.abort();
  await until("the watcher goes", async () => (await watchers()) === 0);
});

test("families are taken out of another's answer whole", async () => {
  const all = await (await fetch(`${real.clientUrl}/metrics`)).text();
  const taken = parseExposition(familiesOf(all, /^etcd_disk_/));
  assert.ok(taken.has("etcd_disk_wal_fsync_duration_seconds"));
  assert.deepEqual(
    [...taken.keys()],
    [...parseExposition(all).keys()].filter((name) => name.startsWith("etcd_disk_")),
  );
});
