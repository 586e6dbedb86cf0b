/**
 * A signal that aborts on SIGTERM, SIGINT or SIGHUP (the terminal closed), for a program's one controller.
 * A second SIGINT ends the process at once.
 */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.once(name, () => controller.abort(new ShutdownRequested(name)));
  return controller.signal;
}

/** The reason of an abort that a person or systemd asked for: an end, not an error. */
export class ShutdownRequested extends Error {
  override readonly name = "ShutdownRequested";
  /** The signal, such as `SIGINT` for a Ctrl-C. */
  readonly by: string;
  constructor(by: string) {
    super(`told to stop by ${by}`);
    this.by = by;
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
