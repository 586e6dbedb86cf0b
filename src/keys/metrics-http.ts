import type { HttpResponse } from "#base/http.ts";
import { ProcessMetrics } from "#base/process-metrics.ts";
import { EXPOSITION_TYPE, Exposition, type Labels } from "#base/prometheus.ts";
import { onGet, type Routes } from "#keys/client-handler.ts";
import type { StoreStats } from "#keys/core/store-stats.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { ClusterView, Membership } from "#keys/membership.ts";
import type { RequestCounts } from "#keys/request-counts.ts";
import { CLUSTER_VERSION, type HealthCounts, SERVER_VERSION } from "#keys/stats-http.ts";

export interface MeteredMember {
  readonly server: KeysServer;
  readonly requests: RequestCounts;
  readonly membership: Membership;
  readonly health: HealthCounts;
}

export interface Metrics extends Disposable {
  readonly routes: Routes;
}

/** `/metrics` in Prometheus' format: with etcd's names and labels what etcd has too, Keelson's own as keelson_. */
export function openMetrics(member: MeteredMember): Metrics {
  const ofProcess = new ProcessMetrics();
  const leaders = new LeaderChanges();
  const answer = async (res: HttpResponse): Promise<void> => {
    const view = await member.membership.view();
    const ofEngine = await member.membership.askEngine("/metrics");
    const text = new Exposition();
    writeServer(text, member, view);
    if (ofEngine?.status === 200) text.append(familiesOf(ofEngine.body, OF_ENGINE));
    else text.counter(LEADER_CHANGES, "The number of leader changes seen.", leaders.seen(view));
    writeRequests(text, member.requests);
    writeStore(text, member.server);
    writeLog(text, member);
    ofProcess.writeTo(text);
    res.send(200, ["Content-Type", EXPOSITION_TYPE], text.toString());
  };
  return {
    routes: { "/metrics": onGet((res) => void answer(res)) },
    [Symbol.dispose]: () => ofProcess[Symbol.dispose](),
  };
}

const LEADER_CHANGES = "etcd_server_leader_changes_seen_total";

/** What of several members only their etcd can tell: the network between them, its disk, its elections. */
const OF_ENGINE =
  /^etcd_(network_peer_|network_active_peers|network_known_peers|disk_|mvcc_db_total_size|server_leader_changes_seen_total|server_heartbeat_send_failures_total|server_slow_|server_quota_backend_bytes)/;

/** Those families of another's answer to a scrape whose names are wanted. */
export function familiesOf(text: string, wanted: RegExp): string {
  const named = /^(?:# (?:HELP|TYPE) )?([a-zA-Z_:][\w:]*)/;
  return text
    .split(/(?<=\n)/)
    .filter((line) => wanted.test(named.exec(line)?.[1] ?? ""))
    .join("");
}

/** Counts who leads as scrapes see it, while there is no etcd to ask. */
class LeaderChanges {
  #last: string | undefined;
  #count = 0;

  seen({ leaderId }: ClusterView): number {
    if (leaderId !== undefined && leaderId !== this.#last) {
      this.#last = leaderId;
      this.#count += 1;
    }
    return this.#count;
  }
}

function writeServer(
  text: Exposition,
  { server, membership, health }: MeteredMember,
  { leaderId }: ClusterView,
): void {
  const { selfId } = membership;
  const named = (name: string, help: string, labels: Labels) =>
    text.gauges(name, help, [[labels, 1]]);
  named(
    "etcd_cluster_version",
    "Which version is running. 1 for 'cluster_version' label with current cluster version",
    {
      cluster_version: CLUSTER_VERSION.replace(/\.\d+$/, ""),
    },
  );
  named(
    "etcd_server_version",
    "Which version is running. 1 for 'server_version' label with current version.",
    {
      server_version: SERVER_VERSION,
    },
  );
  named(
    "etcd_server_id",
    "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
    { server_id: selfId },
  );
  text.gauge(
    "etcd_server_has_leader",
    "Whether or not a leader exists. 1 is existence, 0 is not.",
    leaderId === undefined ? 0 : 1,
  );
  text.gauge(
    "etcd_server_is_leader",
    "Whether or not this member is a leader. 1 if is, 0 otherwise.",
    leaderId === selfId ? 1 : 0,
  );
  const index = server.raftIndex;
  text.gauge(
    "etcd_server_proposals_committed_total",
    "The total number of consensus proposals committed.",
    index,
  );
  text.gauge(
    "etcd_server_proposals_applied_total",
    "The total number of consensus proposals applied.",
    index,
  );
  text.gauge(
    "etcd_server_proposals_pending",
    "The current number of pending proposals to commit.",
    server.pendingCount,
  );
  text.counter(
    "etcd_server_proposals_failed_total",
    "The total number of failed proposals seen.",
    server.counts.failedProposals,
  );
  text.counter(
    "etcd_server_health_success",
    "The total number of successful health checks",
    health.succeeded,
  );
  text.counter(
    "etcd_server_health_failures",
    "The total number of failed health checks",
    health.failed,
  );
}

function writeRequests(text: Exposition, { byMethod }: RequestCounts): void {
  text.counters(
    "etcd_http_received_total",
    "Counter of requests received into the system (successfully parsed and authd).",
    byMethod.map(([method, { received }]) => [{ method }, received]),
  );
  text.counters(
    "etcd_http_failed_total",
    "Counter of handle failures of requests (non-watches), by method (GET/PUT etc.) and code (400, 500 etc.).",
    byMethod.flatMap(([method, { failed }]) =>
      [...failed]
        .toSorted(([a], [b]) => a - b)
        .map(([code, count]) => [{ code, method }, count] as const),
    ),
  );
  text.histograms(
    "etcd_http_successful_duration_seconds",
    "Bucketed histogram of processing time (s) of successfully handled requests (non-watches), by method (GET/PUT etc.).",
    byMethod
      .filter(([, { tookSeconds }]) => tookSeconds.count > 0)
      .map(([method, { tookSeconds }]) => [{ method }, tookSeconds]),
  );
}

/** By the name that a write's counts have in the store's statistics. */
const WRITES = [
  ["compareAndDelete", "compareAndDelete"],
  ["compareAndSwap", "compareAndSwap"],
  ["create", "create"],
  ["delete", "delete"],
  ["sets", "set"],
  ["update", "update"],
] as const;

/** As etcd counts: what failed is in the total too, and an action is told when it has happened once. */
function writeStore(text: Exposition, { counts, stats }: KeysServer): void {
  const since = (field: keyof StoreStats) => Math.max(0, stats[field] - counts.before[field]);
  const byAction = (all: readonly (readonly [action: string, count: number])[]) =>
    all.filter(([, count]) => count > 0).map(([action, count]) => [{ action }, count] as const);
  const { recursiveReads, recursiveReadsFailed } = counts;
  const plainReadsFailed = Math.max(0, since("getsFail") - recursiveReadsFailed);
  const plainReads = Math.max(0, since("getsSuccess") - recursiveReads) + plainReadsFailed;
  text.counters(
    "etcd_debugging_store_reads_total",
    "Total number of reads action by (get/getRecursive), local to this member.",
    byAction([
      ["get", plainReads],
      ["getRecursive", recursiveReads + recursiveReadsFailed],
    ]),
  );
  text.counters(
    "etcd_debugging_store_reads_failed_total",
    "Failed read actions by (get/getRecursive), local to this member.",
    byAction([
      ["get", plainReadsFailed],
      ["getRecursive", recursiveReadsFailed],
    ]),
  );
  text.counters(
    "etcd_debugging_store_writes_total",
    "Total number of writes (e.g. set/compareAndDelete) seen by this member.",
    byAction(
      WRITES.map(([name, action]) => [action, since(`${name}Success`) + since(`${name}Fail`)]),
    ),
  );
  text.counters(
    "etcd_debugging_store_writes_failed_total",
    "Failed write actions (e.g. set/compareAndDelete), seen by this member.",
    byAction(WRITES.map(([name, action]) => [action, since(`${name}Fail`)])),
  );
  text.counter(
    "etcd_debugging_store_expires_total",
    "Total number of expired keys.",
    since("expireCount"),
  );
  text.counter(
    "etcd_debugging_store_watch_requests_total",
    "Total number of incoming watch requests (new or reestablished).",
    counts.watchRequests,
  );
  text.gauge(
    "etcd_debugging_store_watchers",
    "Count of currently active watchers.",
    stats.watchers,
  );
}

function writeLog(text: Exposition, { server }: MeteredMember): void {
  const { logMeasures, counts } = server;
  if (logMeasures !== undefined) {
    if (logMeasures.isOnDisk)
      text.histogram(
        "etcd_disk_wal_fsync_duration_seconds",
        "The latency distributions of fsync called by WAL.",
        logMeasures.commitSeconds,
      );
    else
      text.histogram(
        "keelson_log_commit_duration_seconds",
        "How long the cluster took to make a batch of entries durable.",
        logMeasures.commitSeconds,
      );
    text.histogram(
      "keelson_log_batch_entries",
      "How many entries were made durable at a time.",
      logMeasures.batchEntries,
    );
  }
  text.histogram(
    "etcd_debugging_snap_save_total_duration_seconds",
    "The total latency distributions of save called by snapshot.",
    counts.snapshotSeconds,
  );
}
