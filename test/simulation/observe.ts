import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, Reply } from "#keys/keys.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { Ledger } from "./ledger.ts";
import type { TargetWrite } from "./placement-check.ts";
import type { Violations } from "./trace.ts";

const STALE = "1 an answer is not older than what was acknowledged before it was asked for";

export interface KeysObserver {
  readonly ledger: Ledger;
  readonly violations: Violations;
  /** Told before a write of some unit's target is sent. */
  readonly onTarget?: (write: TargetWrite) => void;
  /** Told before anything is written. */
  readonly onWrite?: (key: string) => void;
  /** Told when the store said no to such a write: nothing happened. */
  readonly onRefused?: (unit: string) => void;
  /** Told when a watch cannot go on where it was. */
  readonly onCleared?: () => void;
}

const TARGET = /\/job\/([^/]+)\/target$/;

/** The same keys; every answer is compared with the truth. */
export function observeKeys(keys: Keys, observer: KeysObserver): Keys {
  const { ledger, violations, onTarget, onRefused } = observer;
  const answered = async (what: string, isWrite: boolean, call: () => Promise<Reply>) => {
    const acknowledged = ledger.shown;
    const check = (index: number) => {
      ledger.show(index);
      if (index < acknowledged)
        violations.add(STALE, what, `index ${index} after ${acknowledged} was shown`);
    };
    try {
      const reply = await call();
      check(reply.etcdIndex);
      if (isWrite) ledger.acknowledge(reply.event);
      return reply;
    } catch (error) {
      if (error instanceof KeysError) {
        const unit = TARGET.exec(what)?.[1];
        if (unit !== undefined) onRefused?.(unit);
        if (error.index > 0) check(error.index);
      }
      throw error;
    }
  };
  const target = (key: string, to: string | undefined, over: TargetWrite["over"]) => {
    const unit = TARGET.exec(key)?.[1];
    if (unit !== undefined) onTarget?.({ unit, to, over });
  };
  return {
    get: (key, options, signal) =>
      answered(`get ${key}`, false, () => keys.get(key, options, signal)),
    set: (key, value, options, signal) => {
      observer.onWrite?.(key);
      const { prevExist, prevValue, prevIndex } = options;
      target(key, value, prevExist === false ? null : (prevValue ?? prevIndex));
      return answered(`set ${key}`, true, () => keys.set(key, value, options, signal));
    },
    createInOrder: (directory, value, options, signal) =>
      answered(`create in ${directory}`, true, () =>
        keys.createInOrder(directory, value, options, signal),
      ),
    delete: (key, options, signal) => {
      target(key, undefined, options.prevValue ?? options.prevIndex);
      return answered(`delete ${key}`, true, () => keys.delete(key, options, signal));
    },
    async *watch(key, options, signal) {
      try {
        for await (const event of keys.watch(key, options, signal)) {
          ledger.show(event.node.modifiedIndex);
          yield event;
        }
      } catch (error) {
        if (error instanceof KeysError && error.code === 401) observer.onCleared?.();
        throw error;
      }
    },
  };
}

export interface SystemdObserver {
  readonly starts: (unit: string) => void;
  readonly stops: (unit: string) => void;
  /** It is not known how a start ended. */
  readonly loses: (unit: string) => void;
}

/** The same systemd; whatever starts or stops a unit is told first. */
export function observeSystemd(systemd: Systemd, observer: SystemdObserver): Systemd {
  const startUnit = async (unit: string, signal: AbortSignal) => {
    observer.starts(unit);
    try {
      return await systemd.startUnit(unit, signal);
    } catch (error) {
      observer.loses(unit);
      throw error;
    }
  };
  return {
    reload: (signal) => systemd.reload(signal),
    isCurrent: (name, signal) => systemd.isCurrent(name, signal),
    list: (signal) => systemd.list(signal),
    linkUnitFiles: (paths, signal) => systemd.linkUnitFiles(paths, signal),
    unlinkUnitFiles: (names, signal) => systemd.unlinkUnitFiles(names, signal),
    enableUnitFiles: (names, options, signal) => systemd.enableUnitFiles(names, options, signal),
    status: (names, signal) => systemd.status(names, signal),
    startUnit,
    stopUnit: (unit, signal) => {
      observer.stops(unit);
      return systemd.stopUnit(unit, signal);
    },
    startTransientUnit: (unit, service, signal) =>
      systemd.startTransientUnit(unit, service, signal),
    extendLease: (untilMs, signal) => systemd.extendLease(untilMs, signal),
    restartUnit: (unit, signal) => {
      observer.stops(unit);
      return systemd.restartUnit(unit, signal);
    },
    reloadUnit: (unit, signal) => systemd.reloadUnit(unit, signal),
    outcome: (unit, signal) => systemd.outcome(unit, signal),
    resetFailed: (unit, signal) => systemd.resetFailed(unit, signal),
    changes: (signal) => systemd.changes(signal),
    [Symbol.asyncDispose]: () => systemd[Symbol.asyncDispose](),
  };
}
