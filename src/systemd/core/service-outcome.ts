/** How a service ended, org.freedesktop.systemd1(5); what systemd does not say is undefined. */
export interface ServiceOutcome {
  /** `success`, `exit-code`, `signal`, `core-dump`, `timeout`, `exec-condition` … */
  readonly result: string;
  /** Of the last main process, if that exited by itself. */
  readonly exitStatus: number | undefined;
  /** The number of the signal that ended the last main process. */
  readonly signal: number | undefined;
  /** Wall time of its last main process's start and end, in milliseconds since 1970. */
  readonly beganMs: number | undefined;
  readonly endedMs: number | undefined;
}

/** Properties of a service, as a signal or an answer gives them: name and value. */
export type ServiceProperties = Readonly<Record<string, unknown>>;

const EXITED = 1; // CLD_EXITED, siginfo(7); killed and dumped are 2 and 3

/** What the properties say of an end; undefined when they tell of none. */
export function serviceOutcome(properties: ServiceProperties): ServiceOutcome | undefined {
  const number = (name: string) => {
    const value = properties[name];
    return typeof value === "bigint" || typeof value === "number" ? Number(value) : 0;
  };
  const result = properties["Result"];
  const endedUs = number("ExecMainExitTimestamp");
  if (typeof result !== "string" || (endedUs === 0 && result === "success")) return undefined;
  const code = number("ExecMainCode");
  const status = number("ExecMainStatus");
  return {
    result,
    exitStatus: code === EXITED ? status : undefined,
    signal: code > EXITED ? status : undefined,
    beganMs: milliseconds(number("ExecMainStartTimestamp")),
    endedMs: milliseconds(endedUs),
  };
}

function milliseconds(us: number): number | undefined {
  return us === 0 ? undefined : Math.floor(us / 1000);
}
