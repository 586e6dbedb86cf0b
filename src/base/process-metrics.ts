import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Exposition } from "#base/prometheus.ts";

const DELAY_RESOLUTION_MS = 50;

/** What Prometheus' own libraries tell of a process, and how Node's event loop does. */
export class ProcessMetrics implements Disposable {
  /** Measured from the first scrape on, since it wakes the process now and then. */
  #delay: ReturnType<typeof monitorEventLoopDelay> | undefined;

  writeTo(text: Exposition): void {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, heapTotal } = process.memoryUsage();
    text.counter(
      "process_cpu_seconds_total",
      "Total user and system CPU time spent in seconds.",
      (user + system) / 1e6,
    );
    text.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", rss);
    text.gauge(
      "process_start_time_seconds",
      "Start time of the process since unix epoch in seconds.",
      performance.timeOrigin / 1000,
    );
    writeLinux(text);
    text.gauge("keelson_heap_used_bytes", "Memory that the program's objects take.", heapUsed);
    text.gauge("keelson_heap_size_bytes", "Memory kept for the program's objects.", heapTotal);
    this.#writeEventLoop(text);
  }

  [Symbol.dispose](): void {
    this.#delay?.disable();
  }

  #writeEventLoop(text: Exposition): void {
    const { active, idle } = performance.eventLoopUtilization();
    text.counters(
      "keelson_event_loop_seconds_total",
      "Time that the event loop worked or waited.",
      [
        [{ state: "active" }, active / 1000],
        [{ state: "idle" }, idle / 1000],
      ],
    );
    if (this.#delay === undefined) {
      this.#delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
      this.#delay.enable();
      return;
    }
    if (this.#delay.count === 0) return;
    const lateSeconds = (percentile: number) =>
      Math.max(0, (this.#delay?.percentile(percentile) ?? 0) / 1e9 - DELAY_RESOLUTION_MS / 1000);
    text.gauges(
      "keelson_event_loop_delay_seconds",
      "How late timers were since the last scrape.",
      [50, 99, 100].map((percent) => [{ quantile: percent / 100 }, lateSeconds(percent)] as const),
    );
    this.#delay.reset();
  }
}

/** Of proc(5); left out where there is none. */
function writeLinux(text: Exposition): void {
  const status = read("/proc/self/status");
  const limits = read("/proc/self/limits");
  const virtualKb = /^VmSize:\s+(\d+) kB$/m.exec(status)?.[1];
  const filesMax = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (virtualKb !== undefined)
    text.gauge(
      "process_virtual_memory_bytes",
      "Virtual memory size in bytes.",
      Number(virtualKb) * 1024,
    );
  if (filesMax === undefined) return;
  const open = readdirSync("/proc/self/fd").length - 1; // without the one that lists them
  text.gauge("process_open_fds", "Number of open file descriptors.", open);
  text.gauge("process_max_fds", "Maximum number of open file descriptors.", Number(filesMax));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
