import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { unitNameOfPath } from "./object-path.ts";

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
