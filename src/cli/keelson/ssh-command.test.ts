import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitSshArguments, sshCommand, sshConfigBlock } from "./ssh-command.ts";

const ACCESS = {
  user: "core",
  host: "10.64.0.11",
  port: 22,
  identityFile: "/var/lib/keelson/machines/id_ed25519",
  knownHostsFile: "/var/lib/keelson/machines/core-01/known_hosts",
};

const CASES: [words: string, options: string, command: string][] = [
  ["", "", ""],
  ["-A", "-A", ""],
  ["-A ls -l", "-A", "ls -l"],
  ["ls -A", "", "ls -A"],
  ["-L 8080:localhost:80 -N", "-L 8080:localhost:80 -N", ""],
  ["-L8080:localhost:80 true", "-L8080:localhost:80", "true"],
  ["-vvA -o ForwardAgent=yes uptime", "-vvA -o ForwardAgent=yes", "uptime"],
  ["-tp 2222 top", "-tp 2222", "top"],
  ["-- -x y", "", "-x y"],
  ["-t -- sudo -i", "-t", "sudo -i"],
  ["-o", "-o", ""],
  ["-", "", "-"],
];

for (const [words, options, command] of CASES)
  test(`"ssh core-01 ${words}" has options "${options}" and runs "${command}"`, () => {
    const split = splitSshArguments(words === "" ? [] : words.split(" "));
    assert.equal(split.options.join(" "), options);
    assert.equal(split.command.join(" "), command);
  });

test("splitSshArguments() loses no word but a --", () => {
  const words = fc.array(fc.constantFrom("-A", "-L", "-tt", "--", "ls", "-l", "x"), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(words, (given) => {
      const { options, command } = splitSshArguments(given);
      const together = [...options, ...command];
      const at = options.length;
      const expected = given[at] === "--" ? given.toSpliced(at, 1) : given;
      assert.deepEqual(together, expected);
    }),
  );
});

test("the command line gives ssh everything, the person's options first", () => {
  const line = sshCommand("core-01", ACCESS, { options: ["-A"], command: ["ls", "/"] }).join(" ");
  assert.match(line, /^ssh -A -F \/dev\/null -oHostName=10\.64\.0\.11 -oUser=core /);
  assert.match(line, / -oStrictHostKeyChecking=yes .* core-01 -- ls \/$/);
});

test("sshConfigBlock() quotes paths with blanks", () => {
  const block = sshConfigBlock("core-01", { ...ACCESS, identityFile: "/home/a b/key" });
  assert.match(block, /^Host core-01 10\.64\.0\.11\n {2}HostName 10\.64\.0\.11\n/);
  assert.match(block, /\n {2}IdentityFile "\/home\/a b\/key"\n/);
});
