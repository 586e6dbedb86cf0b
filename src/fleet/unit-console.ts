import { followJournal, readJournal } from "#systemd/journal.ts";
import { systemctlStatus } from "#systemd/systemctl-status.ts";
import type { SchemaUnitStatus } from "./core/schema.ts";

export interface JournalRequest {
  /** The newest only; undefined for all. */
  readonly lines: number | undefined;
  /** As for journalctl. */
  readonly since?: string;
  readonly until?: string;
  readonly grep?: string;
  readonly output: string;
  readonly follow: boolean;
}

/** What can be asked of a unit on the machine that runs it. */
export interface UnitConsole {
  status(unit: string, signal: AbortSignal): Promise<SchemaUnitStatus>;
  /** Pieces of text. */
  journal(unit: string, how: JournalRequest, signal: AbortSignal): AsyncIterable<string>;
}

/** The console of this machine, by systemctl and journalctl. */
export function openUnitConsole(options: {
  readonly scope: "system" | "user";
  readonly env: Readonly<Record<string, string | undefined>>;
}): UnitConsole {
  return {
    status: async (unit, signal) => {
      const { stdout, stderr, exitStatus } = await systemctlStatus(unit, options, signal);
      return { exitStatus, text: stdout + stderr };
    },
    async *journal(unit, { follow, lines, ...how }, signal) {
      const query = { unit, ...how, ...(lines !== undefined && { lines }), ...options };
      if (!follow) yield* readJournal(query, signal);
      else for await (const line of followJournal(query, signal)) yield `${line}\n`;
    },
  };
}
