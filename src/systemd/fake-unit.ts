import type { Clock } from "#base/clock.ts";
import type { FakeProgram } from "#systemd/core/fake-program.ts";
import type { ServiceOutcome } from "#systemd/core/service-outcome.ts";
import type { JobResult } from "#systemd/systemd.ts";

interface Surroundings {
  readonly clock: Clock;
  /** How long the next start or stop takes. */
  readonly jobMs: () => number;
  /** How long the process takes to be gone after SIGKILL. */
  readonly killMs: () => number;
  /** Whether the process fails at once when started now. */
  readonly isFailing: () => boolean;
  /** Whether it may be started now; otherwise the job fails and changes nothing. */
  readonly mayStart: () => boolean;
  /** Called after every change of state. */
  readonly changed: () => void;
  /** Called when its process began, with nothing, and when it ended. */
  readonly lastEnd: (outcome: ServiceOutcome | undefined) => void;
}

const SIGTERM = 15; // signal(7)

interface Job {
  readonly kind: "start" | "stop" | "restart";
  readonly controller: AbortController;
  readonly result: Promise<JobResult>;
}

/** One unit of the fake manager: its state, its job and the life of its process. */
export class FakeUnit {
  readonly name: string;
  program: FakeProgram | undefined;
  activeState = "inactive";
  subState = "dead";
  readonly #around: Surroundings;
  #job: Job | undefined;
  #life = new AbortController();
  #beganMs: number | undefined;
  /** When the process that is stopping will be gone, whichever job waits for that. */
  #goneAtMs = 0;
  /** What was stopped last. */
  #stopped = { isCutShort: false, hadProcess: false };

  constructor(name: string, program: FakeProgram, around: Surroundings) {
    this.name = name;
    this.program = program;
    this.#around = around;
  }

  get isAlive(): boolean {
    return this.activeState !== "inactive" && this.activeState !== "failed";
  }

  /** systemd drops a stopped unit from memory; a failed one is kept until it is reset. */
  get isForgettable(): boolean {
    return this.activeState === "inactive" && this.#job === undefined;
  }

  start(): Promise<JobResult> {
    return this.#run("start", (signal) => this.#start(signal));
  }

  stop(): Promise<JobResult> {
    return this.#run("stop", (signal) => this.#stop(signal));
  }

  restart(): Promise<JobResult> {
    return this.#run("restart", async (signal) => {
      await this.#stop(signal);
      return this.#start(signal);
    });
  }

  /** The process ends by itself. */
  exit(status: number): void {
    if (this.activeState !== "active" || this.subState !== "running") return;
    this.#life.abort();
    this.#end(status);
  }

  resetFailed(): void {
    if (this.activeState === "failed") this.#become("inactive", "dead");
  }

  /** Power is cut: nothing of it is left, and nobody is told. */
  vanish(): void {
    this.#job?.controller.abort();
    this.#life.abort();
    this.activeState = "inactive";
    this.subState = "dead";
  }

  /** Jobs of one kind are one job; a job of another kind takes the place of the one before, which is canceled. */
  #run(kind: Job["kind"], work: (signal: AbortSignal) => Promise<JobResult>): Promise<JobResult> {
    if (this.#job?.kind === kind) return this.#job.result;
    this.#job?.controller.abort();
    const controller = new AbortController();
    const finish = async (): Promise<JobResult> => {
      try {
        return await work(controller.signal);
      } catch (error) {
        if (controller.signal.aborted) return "canceled";
        throw error;
      } finally {
        if (this.#job === job) this.#job = undefined;
        if (!controller.signal.aborted) this.#around.changed();
      }
    };
    const job: Job = { kind, controller, result: Promise.resolve().then(finish) };
    this.#job = job;
    return job.result;
  }

  async #start(signal: AbortSignal): Promise<JobResult> {
    if (this.activeState === "deactivating") await this.#stop(signal);
    if (this.activeState === "active") return "done";
    const { clock, jobMs, isFailing, mayStart } = this.#around;
    if (!mayStart()) return "failed";
    this.#become("activating", "start");
    this.#beganMs = clock.now().getTime();
    this.#around.lastEnd(undefined);
    await clock.sleep(jobMs(), signal);
    const ends = isFailing() ? { afterMs: 0, status: 1 } : this.program?.ends;
    if (this.program?.type === "oneshot") {
      if (ends === undefined) return await forever(signal);
      await clock.sleep(ends.afterMs, signal);
      if (this.program.remains && ends.status === 0) {
        this.#tellEnd({ result: "success", exitStatus: 0 });
        this.#become("active", "exited");
      } else this.#end(ends.status);
      return ends.status === 0 ? "done" : "failed";
    }
    this.#life = new AbortController();
    this.#become("active", "running");
    if (ends !== undefined) void this.#live(ends, this.#life.signal);
    return "done";
  }

  async #stop(signal: AbortSignal): Promise<JobResult> {
    if (!this.isAlive) return "done";
    const { clock } = this.#around;
    if (this.activeState !== "deactivating") this.#beginStop();
    const { isCutShort, hadProcess } = this.#stopped;
    await clock.sleep(Math.max(0, this.#goneAtMs - clock.monotonicMs()), signal);
    if (hadProcess) this.#tellEnd({ result: isCutShort ? "signal" : "success", signal: SIGTERM });
    // A oneshot that is killed has failed.
    if (isCutShort) this.#become("failed", "failed");
    else this.#become("inactive", "dead");
    return "done";
  }

  #beginStop(): void {
    const { clock, jobMs, killMs } = this.#around;
    const { type, stopMs = 0, isStubborn = false } = this.program ?? {};
    this.#stopped = {
      isCutShort: type === "oneshot" && this.activeState === "activating",
      hadProcess: this.subState !== "exited",
    };
    this.#life.abort();
    this.#goneAtMs = clock.monotonicMs() + jobMs() + stopMs + (isStubborn ? killMs() : 0);
    this.#become("deactivating", "stop-sigterm");
  }

  async #live(ends: { afterMs: number; status: number }, signal: AbortSignal): Promise<void> {
    try {
      await this.#around.clock.sleep(ends.afterMs, signal);
      this.#end(ends.status);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #end(status: number): void {
    this.#tellEnd({ result: status === 0 ? "success" : "exit-code", exitStatus: status });
    if (status === 0) this.#become("inactive", "dead");
    else this.#become("failed", "failed");
  }

  #tellEnd(how: {
    readonly result: string;
    readonly exitStatus?: number;
    readonly signal?: number;
  }): void {
    const { result, exitStatus, signal } = how;
    const endedMs = this.#around.clock.now().getTime();
    this.#around.lastEnd({ result, exitStatus, signal, beganMs: this.#beganMs, endedMs });
  }

  #become(activeState: string, subState: string): void {
    this.activeState = activeState;
    this.subState = subState;
    this.#around.changed();
  }
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
}
