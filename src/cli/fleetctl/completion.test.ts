import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "./commands.ts";
import { completionScript } from "./completion.ts";
import { completionTable } from "./completion-table.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { SHELLS } from "./shells.ts";

const FILES = { bash: "fleetctl.bash", zsh: "_fleetctl", fish: "fleetctl.fish" };

for (const shell of SHELLS)
  test(`share/completion has what fleetctl completion ${shell} prints`, () => {
    const path = join(import.meta.dirname, "../../../share/completion", FILES[shell]);
    const advice = `write it anew: bin/fleetctl completion ${shell} > share/completion/${FILES[shell]}`;
    assert.equal(readFileSync(path, "utf8"), completionScript(shell), advice);
  });

test("every command and every flag with an effect is completed in every shell", () => {
  const table = completionTable(COMMANDS, GLOBAL_FLAGS);
  const names = table.commands.map(({ name }) => name);
  assert.deepEqual(names, [...COMMANDS.map(({ name }) => name), "help"].toSorted());
  const flags = [...table.globals, ...table.commands.flatMap((command) => command.flags)];
  for (const shell of SHELLS) {
    const script = completionScript(shell);
    for (const word of [...names, ...flags.map((flag) => flag.names[0]!)])
      assert.ok(script.includes(word), `${shell}: ${word}`);
  }
  const hidden = [...GLOBAL_FLAGS, ...COMMANDS.flatMap((command) => command.flags)].filter(
    ({ help }) => help.startsWith("Accepted for compatibility"),
  );
  assert.ok(hidden.length > 0);
  for (const { names: own } of hidden)
    assert.ok(!table.globals.some((flag) => flag.names[0] === own[0]), own[0]);
});
