import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { leaseDropIn } from "./lease-drop-in.ts";
import { isLeased, stopBoundMs } from "./stop-bound.ts";
import { type Unit, unitOf } from "./unit.ts";

function given(text: string, name = "db.service"): Unit {
  const unit = unitOf(name as UnitName, "", text);
  assert.ok("wants" in unit, "problem" in unit ? unit.problem : "");
  return unit;
}

const service = (...lines: readonly string[]) =>
  given(`[Service]\nExecStart=/bin/db\n${lines.join("\n")}\n[X-Fleet]\nAtMostOnce=yes\n`);

test("stopBoundMs() adds up every phase of a stop", () => {
  const cases: readonly (readonly [lines: readonly string[], ms: number])[] = [
    [[], 6_000],
    [["TimeoutStopSec=10"], 11_000],
    [["TimeoutSec=1min"], 61_000],
    [["TimeoutStopSec=10", "TimeoutSec=20"], 21_000],
    [["TimeoutSec=20", "TimeoutStopSec=500ms"], 1_500],
    [["TimeoutStopSec="], 6_000],
    [["TimeoutStopSec=10", "ExecStop=/bin/a", "ExecStop=/bin/b"], 31_000],
    [["TimeoutStopSec=10", "ExecStopPost=/bin/a"], 32_000],
    [["TimeoutStopSec=10", "ExecStop=/bin/a ; /bin/b 'x;y'"], 31_000],
    [["TimeoutStopSec=10", "ExecStop=", "ExecStop=/bin/a \\; b"], 21_000],
    [["TimeoutStopSec=10", "TimeoutStopFailureMode=abort"], 21_000],
    [["TimeoutStopSec=10", "TimeoutAbortSec=60"], 11_000],
    [["TimeoutStopSec=10", "TimeoutStopFailureMode=abort", "TimeoutAbortSec=60"], 71_000],
    [["TimeoutStopSec=10", "TimeoutStopFailureMode=abort", "ExecStopPost=/bin/a"], 52_000],
    [["TimeoutStopFailureMode=abort", "TimeoutAbortSec=infinity"], Number.POSITIVE_INFINITY],
    [["TimeoutStopSec=infinity"], Number.POSITIVE_INFINITY],
    [["TimeoutStopSec=0"], Number.POSITIVE_INFINITY],
  ];
  for (const [lines, ms] of cases) assert.equal(stopBoundMs(service(...lines)), ms, lines.join());
  assert.equal(stopBoundMs(given("[Mount]\nTimeoutSec=3\n", "srv.mount")), 4_000);
  assert.equal(stopBoundMs(given("[Timer]\nOnBootSec=3\n", "tick.timer")), 1_000);
});

test("leaseDropIn() binds units that stop on a partition, and bounds their stop", () => {
  assert.equal(leaseDropIn(given("[Service]\nExecStart=/bin/db\n")), undefined);
  assert.equal(leaseDropIn(given("[X-Fleet]\nOnPartition=keep\n")), undefined);
  const bound =
    "# From OnPartition and AtMostOnce in [X-Fleet].\n[Unit]\nConflicts=fleet-lost.target\nAssertPathExists=%t/fleet-lease\n";
  assert.equal(
    leaseDropIn(given("[Service]\nExecStart=/bin/db\n[X-Fleet]\nOnPartition=stop\n")),
    `${bound}[Service]\nTimeoutStopSec=5\nSendSIGKILL=yes\nKillMode=control-group\n`,
  );
  assert.equal(
    leaseDropIn(service("TimeoutStopSec=20", "KillMode=mixed")),
    `${bound}[Service]\nSendSIGKILL=yes\nEnvironmentFile=%t/fleet-tokens/%n\n`,
  );
  assert.equal(leaseDropIn(given("[X-Fleet]\nOnPartition=stop\n", "a.target")), bound);
});

test("AtMostOnce=yes stops on a partition too", () => {
  const { wants } = service();
  assert.equal(wants.onPartition, "stop");
  assert.ok(isLeased(service()));
  assert.ok(!isLeased(given("[Service]\nExecStart=/bin/db\n")));
});
