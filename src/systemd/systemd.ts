import type { ServiceOutcome } from "#systemd/core/service-outcome.ts";

/** How a systemd job ended, org.freedesktop.systemd1(5), JobRemoved; results beyond the documented ones are `failed`. */
export type JobResult = "done" | "canceled" | "timeout" | "failed" | "dependency" | "skipped";

/** One row of ListUnits, org.freedesktop.systemd1(5). */
export interface UnitStatus {
  readonly name: string;
  readonly description: string;
  /** `loaded`, `not-found`, `bad-setting`, `error`, `masked` … */
  readonly loadState: string;
  /** `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`. */
  readonly activeState: string;
  /** `running`, `dead`, `exited` … by type of unit. */
  readonly subState: string;
}

/** What enabling unit files came to. */
export interface Enablement {
  /** Whether one of the files has an [Install] section; without any there is nothing to enable by. */
  readonly hasInstall: boolean;
  /** Whether links were made; false when all of them were there. */
  readonly changed: boolean;
}

/** A service without a unit file. */
export interface TransientService {
  readonly description: string;
  /** The program's absolute path, then its arguments, taken as they are: specifiers and variables are not expanded. */
  readonly argv: readonly [string, ...string[]];
}

/**
 * What Keelson needs of a systemd manager: the host's, or a private one.
 * Methods reject with Fault SYSTEMD_FAILED when systemd refuses (the fact `error` is D-Bus's name for why),
 * SYSTEMD_GONE when the connection is lost, TIMED_OUT when systemd does not answer, and with the signal's reason
 * on abort; a job that is queued goes on.
 */
export interface Systemd extends AsyncDisposable {
  /** Reads all unit files again (Reload). */
  reload(signal: AbortSignal): Promise<void>;
  /**
   * Loads the unit, if systemd does not hold it yet; whether what it then has of it is what is in the unit's files now.
   * When it is not, `reload` is called for. Drop-ins may be missed (systemd before 254 lists directories anew only when
   * their times changed), and what other units' files say of this one.
   */
  isCurrent(name: string, signal: AbortSignal): Promise<boolean>;
  /** Makes unit files outside the search path known until reboot (LinkUnitFiles, runtime, force). */
  linkUnitFiles(paths: readonly string[], signal: AbortSignal): Promise<void>;
  /** Removes those links and enablements again (DisableUnitFiles, runtime); what is not linked is no error. */
  unlinkUnitFiles(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** Enables by [Install] (EnableUnitFiles, force). */
  enableUnitFiles(
    names: readonly string[],
    options: { readonly runtime: boolean },
    signal: AbortSignal,
  ): Promise<Enablement>;
  /** Queues the job and waits for its end; any number may wait at once. A missing or bad unit is refused: SYSTEMD_FAILED. */
  startUnit(name: string, signal: AbortSignal): Promise<JobResult>;
  /** A unit that systemd does not hold is stopped already: `done`. */
  stopUnit(name: string, signal: AbortSignal): Promise<JobResult>;
  /**
   * Makes a service that is gone once it has ended well, starts it and waits for the end of that job, which is when its
   * process runs (StartTransientUnit, simple). A unit of that name that systemd holds is refused: SYSTEMD_FAILED.
   */
  startTransientUnit(
    name: string,
    service: TransientService,
    signal: AbortSignal,
  ): Promise<JobResult>;
  /**
   * Lets units that are bound to the lease (`core/lease-units.ts`) run until `untilMs` of this process's monotonic clock
   * and no longer: then systemd stops them and refuses to start them, whether anybody is connected or not. A time that
   * is over ends the lease at once. Resolves, when such units can be started, with a name for the time since the lease
   * began: while it stays the same, no such unit was stopped for want of a lease.
   */
  extendLease(untilMs: number, signal: AbortSignal): Promise<string>;
  restartUnit(name: string, signal: AbortSignal): Promise<JobResult>;
  reloadUnit(name: string, signal: AbortSignal): Promise<JobResult>;
  /** Forgets a failure; a unit that systemd no longer holds is no error (systemd 252 drops them early). */
  resetFailed(name: string, signal: AbortSignal): Promise<void>;
  /** The present state of these units, one row each, in the order asked; unknown ones are `not-found`, `inactive`, `dead`. */
  status(names: readonly string[], signal: AbortSignal): Promise<UnitStatus[]>;
  /**
   * How the service ended last, since systemd holds it or this connection was made. Undefined for one that did not end
   * since, or that systemd dropped from memory before, as it does with those that ended well.
   */
  outcome(name: string, signal: AbortSignal): Promise<ServiceOutcome | undefined>;
  /** All units systemd holds in memory. */
  list(signal: AbortSignal): Promise<UnitStatus[]>;
  /**
   * Names of units of which something changed (PropertiesChanged, JobRemoved), and `*` after systemd read all unit
   * files again; it carries no state, look again. Names of other units come too, also as an effect of `status`,
   * which may load a unit and touch what it depends on: look only at the units you care for.
   * It is fed from the moment of the call, ends with the signal, and rejects with SYSTEMD_GONE when the connection
   * is lost.
   */
  changes(signal: AbortSignal): AsyncIterable<string>;
}
