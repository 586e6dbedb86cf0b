import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Levels a daemon may be told to log at, least talkative last. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * A daemon's logger: one JSON object a line on stdout, where the journal picks it up.
 * `info` is a change of state, `warn` will become an error if it lasts, `error` needs a person.
 */
export function openLogger(level: LogLevel = "info"): Logger {
  return pino({
    level,
    base: null,
    timestamp: false,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (error: unknown) => (error instanceof Error ? error.message : error) },
  });
}
