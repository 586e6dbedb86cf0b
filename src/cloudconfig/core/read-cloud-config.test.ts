import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import type { MachineFacts } from "./machine-facts.ts";
import { describeProblem } from "./problem.ts";
import { readCloudConfig } from "./read-cloud-config.ts";

const FACTS: MachineFacts = {
  currentHostname: "now",
  privateIpv4: "10.0.0.1",
  publicIpv4: "192.0.2.1",
  metadata: {},
};

function read(text: string, facts = FACTS) {
  return readCloudConfig(`#cloud-config\n${text}`, facts, gunzipSync);
}
function problemsOf(text: string): string[] {
  return read(text).problems.flatMap((problem) => describeProblem(problem).split("\n"));
}

test("readCloudConfig() reads every kind of value, however YAML would take it", () => {
  const { config, problems } = read(`
hostname: core-01
write_files:
  - path: /a
    permissions: 0600
    content: 12
coreos:
  etcd2: {proxy: on, heartbeat-interval: 0x64, debug: yes, name: 0123}
  fleet: {etcd_request_timeout: 1.5}
  units: [{name: a.service, enable: On, drop-ins: [{name: b.conf, content: x}]}]
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(config, {
    hostname: "core-01",
    write_files: [{ path: "/a", permissions: "0600", content: "12" }],
    coreos: {
      etcd2: { proxy: "on", heartbeat_interval: 100, debug: true, name: "0123" },
      fleet: { etcd_request_timeout: 1.5 },
      units: [{ name: "a.service", enable: true, drop_ins: [{ name: "b.conf", content: "x" }] }],
    },
  });
});

test("readCloudConfig() takes an empty value as not given", () => {
  assert.deepEqual(read("hostname:\ncoreos:\n  update: {group: ''}\n  units:\n").config, {
    coreos: { update: {} },
  });
  assert.deepEqual(read("").config, {});
});

for (const { name, yaml, problems } of [
  {
    name: "a list where keys belong, and the other way round",
    yaml: "coreos: [a]\nusers: {name: a}\n",
    problems: [
      'line 2: error: incorrect type for "coreos" (want struct)',
      "    coreos: expected keys below it, not a list",
      'line 3: error: incorrect type for "users" (want []struct)',
      '    users: expected a list (items begin with "- "), not a group of keys',
    ],
  },
  {
    name: "values of the wrong kind",
    yaml: "coreos:\n  etcd2: {debug: perhaps, election_timeout: 1.5}\n  fleet: {metadata: region}\n",
    problems: [
      'line 3: error: incorrect type for "debug" (want bool)',
      '    coreos.etcd2.debug: expected true or false, not "perhaps"',
      'line 3: error: incorrect type for "election_timeout" (want int)',
      '    coreos.etcd2.election_timeout: expected a whole number, not "1.5"',
      'line 4: error: coreos.fleet.metadata: has "region"; expected KEY=VALUE, several with commas between, such as "region=us-west,disk=ssd"',
    ],
  },
  {
    name: "a command that is none",
    yaml: "coreos:\n  units:\n    - name: a.service\n      command: strat\n",
    problems: [
      "line 5: error: invalid value strat",
      "    coreos.units[0].command: choose one of start, stop, restart, reload, try-restart, reload-or-restart, reload-or-try-restart",
    ],
  },
  {
    name: "a value that only Keelson knows to be wrong",
    yaml: "coreos:\n  locksmith: {window_length: 5parsecs}\n",
    problems: [
      'line 3: error: coreos.locksmith.window_length: is "5parsecs"; expected a duration such as 1h30m',
    ],
  },
  {
    name: "what is missing",
    yaml: "coreos:\n  units:\n    - command: start\n    -\nwrite_files:\n  - content: x\n",
    problems: [
      'line 4: error: coreos.units[0]: has no "name"; give it one',
      'line 5: error: incorrect type for "units[1]" (want struct)',
      "    coreos.units[1]: it is empty; fill it in or remove it",
      'line 7: error: write_files[0]: has no "path"; give it one',
    ],
  },
  {
    name: "a variable that is not known",
    yaml: "# $private_ipv6 in a comment is none\nhostname: a$private_ipv6\n",
    problems: [
      "line 3, column 12: error: hostname: $private_ipv6 is not known on this machine; set COREOS_PRIVATE_IPV6 in /etc/environment, or write the address itself",
      'line 3: error: hostname: is "a$private_ipv6"; expected letters, digits, hyphens and dots, at most 64, such as core-01',
    ],
  },
  {
    name: "a file that can not be decoded",
    yaml: "write_files:\n  - path: /a\n    encoding: gzip+base64\n    content: aGVsbG8=\n",
    problems: [
      'line 5: error: content cannot be decoded as "gzip+base64"',
      "    write_files[0].content: it is no gzip data; encode the file again",
    ],
  },
  {
    name: "base64 with a blank in it, or without its end",
    yaml: "write_files:\n  - {path: /a, encoding: b64, content: aGVs bG8=}\n  - {path: /b, encoding: b64, content: aGVsbG8}\n",
    problems: [
      'line 3: error: content cannot be decoded as "b64"',
      "    write_files[0].content: it is no base64, with = at its end to a length of 4; encode the file again",
      'line 4: error: content cannot be decoded as "b64"',
      "    write_files[1].content: it is no base64, with = at its end to a length of 4; encode the file again",
    ],
  },
  {
    name: "gzip that ends too soon",
    yaml: `write_files:\n  - path: /a\n    encoding: gz+b64\n    content: ${gzipSync("hello").subarray(0, 20).toString("base64")}\n`,
    problems: [
      "line 5: error: write_files[0].content: cannot be decoded as gz+b64: unexpected end of file; encode the file again",
    ],
  },
  {
    name: "numbers that no program reads in full",
    yaml: "coreos:\n  fleet: {token_limit: 9007199254740993, agent_ttl: 5, etcd_request_timeout: .inf}\n",
    problems: [
      "line 3: error: coreos.fleet.token_limit: is 9007199254740993; expected up to 15 digits",
      "line 3: error: coreos.fleet.etcd_request_timeout: is .inf; expected up to 15 digits",
    ],
  },
  {
    name: "user-data that is no map",
    yaml: "- a\n",
    problems: ["line 2: error: expected keys below it, not a list"],
  },
])
  test(`readCloudConfig() refuses ${name}`, () => {
    assert.equal(read(yaml).config, undefined);
    assert.deepEqual(problemsOf(yaml), problems);
  });

for (const { name, yaml, config, problems } of [
  {
    name: "a slip of a key",
    yaml: "coreos:\n  etcd2:\n    discovry: x\n    name: a\n",
    config: { coreos: { etcd2: { name: "a" } } },
    problems: [
      'line 4: warning: unrecognized key "discovry"',
      '    coreos.etcd2.discovry: did you mean "discovery"?',
    ],
  },
  {
    name: "a key at the wrong level, either way",
    yaml: "etcd2: {name: a}\ncoreos:\n  write-files: []\n",
    config: { coreos: {} },
    problems: [
      'line 2: warning: unrecognized key "etcd2"',
      "    etcd2: it belongs under coreos, indented",
      'line 4: warning: unrecognized key "write_files"',
      "    coreos.write_files: it belongs at the left edge, under nothing",
    ],
  },
  {
    name: "keys that the original documents without effect",
    yaml: "users:\n  - name: a\n    sudo: ALL\n",
    config: { users: [{ name: "a" }] },
    problems: [
      'line 4: warning: unrecognized key "sudo"',
      "    users[0].sudo: it has no effect, as in the original",
    ],
  },
  {
    name: "keys without a value",
    yaml: "hostname:\ncoreos:\n  units:\nssh_authorized_keys: ['', a]\n",
    config: { coreos: {}, ssh_authorized_keys: ["a"] },
    problems: [
      'line 2: warning: incorrect type for "hostname" (want string)',
      "    hostname: it has no value and counts as not written; give it one or remove it",
      'line 4: warning: incorrect type for "units" (want []struct)',
      "    coreos.units: it has no value and counts as not written; give it one or remove it",
    ],
  },
  {
    name: "numbers and booleans in quotes",
    yaml: "coreos:\n  etcd2: {debug: 'yes', election_timeout: \"5\", enable_pprof: tRUE}\n",
    config: { coreos: { etcd2: { debug: true, election_timeout: 5, enable_pprof: true } } },
    problems: [
      'line 3: warning: incorrect type for "debug" (want bool)',
      "    coreos.etcd2.debug: it is text, and taken as yes; write it without quotes",
      'line 3: warning: incorrect type for "election_timeout" (want int)',
      "    coreos.etcd2.election_timeout: it is text, and taken as 5; write it without quotes",
      'line 3: warning: incorrect type for "enable_pprof" (want bool)',
      "    coreos.etcd2.enable_pprof: it is text, and taken as tRUE; write it in small letters",
    ],
  },
  {
    name: "one key spelled in both ways",
    yaml: "coreos:\n  fleet:\n    public-ip: a\n    public_ip: b\n",
    config: { coreos: { fleet: { public_ip: "b" } } },
    problems: [
      "line 5: warning: coreos.fleet.public_ip: stands on line 4 already, and what stands here counts; write it once",
    ],
  },
  {
    name: "keys that nobody shall use any more",
    yaml: "users:\n  - {name: a, coreos-ssh-import-github: b}\n",
    config: { users: [{ name: "a", coreos_ssh_import_github: "b" }] },
    problems: [
      'line 3: warning: deprecated key "coreos_ssh_import_github" (trying to fetch from a remote endpoint introduces too many intermittent errors)',
    ],
  },
])
  test(`readCloudConfig() warns of ${name} and goes on`, () => {
    assert.deepEqual(read(yaml).config, config);
    assert.deepEqual(problemsOf(yaml), problems);
  });

for (const { name, content, encoding, is } of [
  { name: "base64", content: btoa("hello"), encoding: "b64", is: "hello" },
  {
    name: "gzip in base64",
    content: gzipSync("hello").toString("base64"),
    encoding: "gz+base64",
    is: "hello",
  },
  {
    name: "gzip in !!binary",
    content: `!!binary ${gzipSync("hello").toString("base64")}`,
    encoding: "gzip",
    is: "hello",
  },
])
  test(`readCloudConfig() decodes ${name}`, () => {
    const { config } = read(
      `write_files:\n  - path: /a\n    encoding: ${encoding}\n    content: ${content}\n`,
    );
    const file = config?.write_files?.[0];
    assert.equal(file?.encoding, undefined);
    assert.equal(Buffer.from(file?.content ?? "").toString(), is);
  });

for (const { name, yaml, key, is } of [
  {
    name: "addresses everywhere",
    yaml: "write_files: [{path: /a, content: '$private_ipv4$public_ipv4'}]",
    key: "content",
    is: "10.0.0.1192.0.2.1",
  },
  {
    name: "no escaped variable",
    yaml: 'write_files: [{path: /a, content: "\\$private_ipv4 $private_ipv4"}]',
    key: "content",
    is: "$private_ipv4 10.0.0.1",
  },
  {
    name: "no shell variable named hostname",
    yaml: "write_files: [{path: /a, content: 'echo $hostname'}]",
    key: "content",
    is: "echo $hostname",
  },
  {
    name: "the present hostname",
    yaml: "coreos: {etcd2: {name: a-$hostname}}",
    key: "name",
    is: "a-now",
  },
  {
    name: "the hostname that the file gives",
    yaml: "hostname: new\ncoreos: {etcd2: {name: $hostname}}",
    key: "name",
    is: "new",
  },
])
  test(`readCloudConfig() substitutes ${name}`, () => {
    const { config } = read(yaml);
    const values: Record<string, unknown> = {
      ...config?.write_files?.[0],
      ...config?.coreos?.etcd2,
    };
    assert.equal(values[key], is);
  });

for (const { name, yaml, told } of [
  {
    name: "two backslashes before a variable in double quotes",
    yaml: 'hostname: "\\\\$private_ipv4"',
    told: [
      "line 2: error: found unknown escape character",
      "    hostname: two backslashes stand before the variable; one keeps its dollar sign, in quotes too",
    ],
  },
  {
    name: "another escape that YAML does not have",
    yaml: 'hostname: "a\\d"',
    told: [
      "line 2: error: found unknown escape character",
      "    hostname: in double quotes a backslash is written \\\\, and \\d means nothing; or put the value in single quotes",
    ],
  },
  {
    name: "a key with an escaped variable",
    yaml: "coreos: {\\$private_ipv4: x}",
    told: [
      'line 2: warning: unrecognized key "\\$private_ipv4"',
      "    coreos.\\$private_ipv4: it is passed over; known here: etcd, etcd2, flannel, fleet, locksmith, oem, units, update",
    ],
  },
  {
    name: "an expression in an alias",
    yaml: '## template: keelson\nhostname: *foo{{"a,b"}}',
    told: [
      `line 3: error: Unknown anchor 'foo{{"a,b"}}' referenced`,
      '    hostname: there is no anchor &foo{{"a,b"}} before this alias',
    ],
  },
])
  test(`readCloudConfig() quotes ${name} as it was written`, () => {
    assert.deepEqual(problemsOf(yaml), told);
  });

const KEYS = ["coreos", "units", "name", "write_files", "path", "hostname", "etcd2", "users", "x"];
const value = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.constantFrom("a.service", "start", "$public_ipv4", "true", ""),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("tree"), { maxKeys: 4 }),
  ),
})).tree;

test("readCloudConfig() gives a config or problems, whatever the YAML says", () => {
  fc.assert(
    fc.property(value, (tree) => {
      const { config, problems } = read(JSON.stringify(tree));
      assert.equal(
        config === undefined,
        problems.some((p) => p.severity === "error"),
      );
    }),
    { numRuns: 2000 },
  );
});
