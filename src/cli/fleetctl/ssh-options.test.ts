import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseFlags } from "./flags.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { parseSshTarget, sshOptions, throughTunnel } from "./ssh-options.ts";

for (const [text, user, host, port] of [
  ["core-01", undefined, "core-01", undefined],
  ["10.0.0.1:2222", undefined, "10.0.0.1", 2222],
  ["root@core-01.example.com:22", "root", "core-01.example.com", 22],
  ["a@b@host", undefined, undefined, undefined],
  ["2001:db8::1", undefined, "2001:db8::1", undefined],
  ["[2001:db8::1]:2222", undefined, "2001:db8::1", 2222],
  ["core@[fe80::1%eth0]:22", "core", "fe80::1%eth0", 22],
  ["host:0", undefined, undefined, undefined],
  ["host:65536", undefined, undefined, undefined],
  ["", undefined, undefined, undefined],
  ["-oProxyCommand=x", undefined, undefined, undefined],
  ["-lroot@host", undefined, undefined, undefined],
  ["@host", undefined, undefined, undefined],
  ["ssh://host", undefined, undefined, undefined],
  ["a b", undefined, undefined, undefined],
] as const)
  test(`a tunnel through "${text}" is ${host === undefined ? "refused" : "understood"}`, () => {
    if (host === undefined)
      assert.throws(() => parseSshTarget(text, "--tunnel"), {
        code: "USAGE",
        message: `Cannot use --tunnel=${text}: expected [USER@]HOST[:PORT]`,
      });
    else assert.deepEqual(parseSshTarget(text, "--tunnel"), { user, host, port });
  });

const HOST = { user: undefined, host: "h", port: undefined };

for (const [flags, words] of [
  ["", "-l core -oConnectTimeout=10"],
  ["--ssh-username=root", "-l root -oConnectTimeout=10"],
  ["--ssh-username=", "-oConnectTimeout=10"],
  ["--ssh-timeout=0.2", "-l core -oConnectTimeout=1"],
  ["--ssh-config=/c", "-F /c -l core -oConnectTimeout=10"],
  ["--known-hosts-file=/k", '-l core -oConnectTimeout=10 -oUserKnownHostsFile="/k"'],
  [
    "--strict-host-key-checking=false --known-hosts-file=/k",
    "-l core -oConnectTimeout=10 -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oGlobalKnownHostsFile=/dev/null -oLogLevel=ERROR",
  ],
] as const)
  test(`with "${flags}" ssh is given ${words}`, () => {
    const given = parseFlags(flags === "" ? [] : flags.split(" "), GLOBAL_FLAGS);
    assert.equal(sshOptions(HOST, given.flags).join(" "), words);
  });

test("what --tunnel's address says of the user and the port wins", () => {
  const { flags } = parseFlags(["--ssh-username=a"], GLOBAL_FLAGS);
  const words = sshOptions({ user: "b", host: "h", port: 7 }, flags);
  assert.equal(words.join(" "), "-l b -p 7 -oConnectTimeout=10");
});

test("a tunnel's settings reach the ssh inside of ssh whole, whatever is in them", () => {
  const { flags } = parseFlags(["--ssh-config=/a 'b' 50%"], GLOBAL_FLAGS);
  assert.deepEqual(throughTunnel({ user: "root", host: "h", port: 7 }, flags), [
    `-oProxyCommand='ssh' '-F' '/a '\\''b'\\'' 50%%' '-l' 'root' '-p' '7' '-oConnectTimeout=10' '-W' '[%h]:%p' '--' 'h'`,
  ]);
});

test("no text is a target that ssh would take for an option", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const { host, user } = parseSshTarget(text, "--tunnel");
        assert.match(host, /^[^-\s][^\s/]*$/);
        assert.doesNotMatch(user ?? "", /^-|\s/);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "USAGE");
      }
    }),
    { numRuns: 2000 },
  );
});
