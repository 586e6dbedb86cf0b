import { ProcessMetrics } from "#base/process-metrics.ts";
import { Exposition, type Labels } from "#base/prometheus.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { FleetCounts } from "./fleet-counts.ts";

export interface Metered {
  readonly feed: ClusterFeed;
  readonly counts: FleetCounts;
  readonly isRegistered: boolean;
  readonly leads: boolean;
  readonly events: { readonly dropped: number };
}

/** What `GET /metrics` tells: the original's families by its names and labels, Keelson's own as keelson_fleet_. */
export class FleetMetrics implements Disposable {
  readonly #machine: Metered;
  readonly #process = new ProcessMetrics();

  constructor(machine: Metered) {
    this.#machine = machine;
  }

  text(): string {
    const text = new Exposition();
    writeEngine(text, this.#machine.counts);
    writeRegistry(text, this.#machine.counts);
    writeDaemon(text, this.#machine);
    writeCluster(text, this.#machine);
    this.#process.writeTo(text);
    return text.toString();
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }
}

/** The histograms' unit is in the singular, as in the original. */
function writeEngine(text: Exposition, counts: FleetCounts): void {
  const { leadsSince, roundSeconds, tasks, taskFailures, roundFailures } = counts;
  text.gauge(
    "fleet_engine_leader_start_time",
    "Start time of becoming an engine leader since epoch in seconds.",
    leadsSince,
  );
  text.counters(
    "fleet_engine_task_count_total",
    "Counter of engine schedule tasks.",
    labelled("type", tasks),
  );
  text.counters(
    "fleet_engine_task_failure_count_total",
    "Counter of engine schedule task failures.",
    labelled("type", taskFailures),
  );
  text.counter(
    "fleet_engine_reconcile_count_total",
    "Counter of reconcile rounds.",
    roundSeconds.count,
  );
  text.histogram(
    "fleet_engine_reconcile_duration_second",
    "Histogram of time (in seconds) each schedule round takes.",
    roundSeconds,
  );
  text.counters(
    "fleet_engine_reconcile_failure_count_total",
    "Counter of scheduling failures.",
    labelled("type", roundFailures),
  );
}

function writeRegistry(text: Exposition, counts: FleetCounts): void {
  const { operationSeconds, operationFailures } = counts;
  text.counters(
    "fleet_registry_operation_count_total",
    "Counter of registry operations.",
    [...operationSeconds].map(([type, { count }]) => [{ type }, count] as const),
  );
  text.histograms(
    "fleet_registry_operation_duration_second",
    "Histogram of time (in seconds) each registry operation takes.",
    [...operationSeconds].map(([ops, histogram]) => [{ ops }, histogram] as const),
  );
  text.counters(
    "fleet_registry_operation_failed_count_total",
    "Counter of failed registry operations.",
    labelled("type", operationFailures),
  );
}

function writeDaemon(text: Exposition, { leads, isRegistered, feed, events }: Metered): void {
  const gauge = (name: string, help: string, value: number | boolean) =>
    text.gauge(`keelson_fleet_${name}`, help, Number(value));
  gauge("leads", "Whether this machine's engine leads.", leads);
  gauge("registered", "Whether this daemon speaks for its machine.", isRegistered);
  gauge("store_following", "Whether the store is followed.", feed.isFollowing);
  gauge("store_index", "The store's index up to which changes are known here.", feed.index);
  text.counter(
    "keelson_fleet_events_dropped_total",
    "Events that were told while the store was away, and had no room.",
    events.dropped,
  );
}

function writeCluster(text: Exposition, { feed }: Metered): void {
  const { model } = feed;
  const { lost, held } = feed.verdict();
  text.gauges(
    "keelson_fleet_machines",
    "Machines, and those that units are placed on but that are away.",
    [
      [{ state: "present" }, model.machines.size],
      [{ state: "held" }, held.size],
      [{ state: "lost" }, lost.size],
    ],
  );
  const desired = { inactive: 0, loaded: 0, launched: 0 };
  let unplaced = 0;
  for (const { hash, unit, desired: wanted, target } of model.jobs.values()) {
    if (hash === undefined || wanted === undefined) continue;
    desired[wanted] += 1;
    const needsMachine = wanted !== "inactive" && unit?.wants.global === false;
    if (needsMachine && target === undefined) unplaced += 1;
  }
  text.gauges(
    "keelson_fleet_units",
    "Units in the cluster, by what is wanted of them.",
    labelled("desired", Object.entries(desired)),
  );
  text.gauge(
    "keelson_fleet_units_unplaced",
    "Units that are to be loaded and have no machine.",
    unplaced,
  );
  const active = new Map<string, number>();
  for (const states of model.states.values())
    for (const { activeState } of states.values())
      active.set(activeState, (active.get(activeState) ?? 0) + 1);
  text.gauges(
    "keelson_fleet_unit_states",
    "Units on machines, by systemd's word.",
    labelled("active", active),
  );
}

/** Sorted, so that scrapes compare. */
function labelled(
  name: string,
  counts: Iterable<readonly [string, number]>,
): (readonly [Labels, number])[] {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, count]) => [{ [name]: value }, count] as const);
}
