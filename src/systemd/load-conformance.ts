import assert from "node:assert/strict";
import type { Given } from "#systemd/systemd-conformance.ts";

const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

/** What every Systemd does about units whose files are new to it, or enabled. */
export const LOAD_CHECKS: readonly (readonly [
  what: string,
  body: (given: Given) => Promise<void>,
])[] = [
  [
    "has a new file as it is, and a changed one once it was told to reload",
    async (given) => {
      const { systemd, signal, subject } = given;
      const isCurrent = () => systemd.isCurrent("web.service", signal);
      assert.equal(await isCurrent(), false);
      await given.link("web.service", `[Unit]\nDescription=First\n${SLEEP}`);
      if (!(await isCurrent())) await systemd.reload(signal); // linked in the same moment as looked for
      assert.equal(await isCurrent(), true);
      assert.equal(await given.start("web.service"), "done");
      await subject.write("web.service", `[Unit]\nDescription=Second\n${SLEEP}`);
      assert.equal(await isCurrent(), false);
      await systemd.reload(signal);
      assert.equal(await isCurrent(), true);
      const [row] = await systemd.status(["web.service"], signal);
      assert.equal(row?.description, "Second");
    },
  ],
  [
    "does not take a unit for current whose file is bad, or gone",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("bad.service", "[Service]\nDescription=no ExecStart\n");
      await given.link("web.service", SLEEP);
      await given.start("web.service");
      await systemd.unlinkUnitFiles(["web.service"], signal);
      await systemd.reload(signal);
      for (const name of ["bad.service", "web.service", "no.service"])
        assert.equal(await systemd.isCurrent(name, signal), false, name);
    },
  ],
  [
    "enables a unit, and refuses to enable a missing one",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("web.service", `${SLEEP}[Install]\nWantedBy=default.target\n`);
      await given.link("plain.service", SLEEP);
      const enable = (name: string) => systemd.enableUnitFiles([name], { runtime: true }, signal);
      assert.deepEqual(await enable("web.service"), { hasInstall: true, changed: true });
      assert.deepEqual(await enable("web.service"), { hasInstall: true, changed: false });
      assert.deepEqual(await enable("plain.service"), { hasInstall: false, changed: false });
      await assert.rejects(systemd.enableUnitFiles(["no.service"], { runtime: true }, signal), {
        code: "SYSTEMD_FAILED",
      });
    },
  ],
];
