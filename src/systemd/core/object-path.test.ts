import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { unitNameOfPath, unitPathOf } from "./object-path.ts";

const ROOT = "/org/freedesktop/systemd1";

test("unitNameOfPath() reads paths as systemd writes them", () => {
  assert.equal(unitNameOfPath(`${ROOT}/unit/web_401_2eservice`), "web@1.service");
  assert.equal(unitNameOfPath(`${ROOT}/unit/_2d_2eslice`), "-.slice");
  assert.equal(unitNameOfPath(`${ROOT}/unit/a_5cx2db_2emount`), "a\\x2db.mount");
  assert.equal(unitNameOfPath(`${ROOT}/job/12`), undefined);
  assert.equal(unitNameOfPath(ROOT), undefined);
});

test("unitNameOfPath() undoes the escaping of any name", () => {
  const escape = (name: string) =>
    name.replace(/[^A-Za-z0-9]/g, (c) => `_${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9:_.\\@-]{1,40}$/), (name) => {
      assert.equal(unitNameOfPath(`${ROOT}/unit/${escape(name)}`), name);
    }),
  );
});

test("unitPathOf() gives the path that stands for the unit", () => {
  for (const name of ["fleet-lease.service", "a@b\\x2dc.mount", "9p.service", "under_score.target"])
    assert.equal(unitNameOfPath(unitPathOf(name)), name);
  assert.equal(
    unitPathOf("fleet-lease.service"),
    "/org/freedesktop/systemd1/unit/fleet_2dlease_2eservice",
  );
});
