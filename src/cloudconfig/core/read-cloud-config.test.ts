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
  return read(text).problems.map(describeProblem);
}

test("readCloudConfig() reads every kind of value, however YAML would take it", () => {
  const { config, problems } = read(`
hostname: core-01
write_files:
  - path: /a
    permissions: 0600
    content: 12
coreos:
  etcd2: {proxy: on, heartbeat-interval: 100, debug: yes, name: 0123}
  fleet: {etcd_request_timeout: 1.5}
  units: [{name: a.service, enable: "true", drop-ins: [{name: b.conf, content: x}]}]
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
    name: "a slip of a key",
    yaml: "coreos:\n  etcd2:\n    discovry: x\n",
    problems: ['line 4: coreos.etcd2.discovry: unknown key; did you mean "discovery"?'],
  },
  {
    name: "a key at the wrong level, either way",
    yaml: "etcd2: {name: a}\ncoreos:\n  write_files: []\n",
    problems: [
      "line 2: etcd2: unknown key; it belongs under coreos, indented",
      "line 4: coreos.write_files: unknown key; it belongs at the left edge, under nothing",
    ],
  },
  {
    name: "a list where keys belong, and the other way round",
    yaml: "coreos: [a]\nusers: {name: a}\n",
    problems: [
      "line 2: coreos: expected keys below it, not a list",
      'line 3: users: expected a list (items begin with "- "), not a group of keys',
    ],
  },
  {
    name: "values of the wrong kind",
    yaml: "coreos:\n  etcd2: {debug: perhaps, election_timeout: 1.5}\n  fleet: {metadata: region}\n",
    problems: [
      'line 3: coreos.etcd2.debug: expected true or false, not "perhaps"',
      'line 3: coreos.etcd2.election_timeout: expected a whole number, not "1.5"',
      'line 4: coreos.fleet.metadata: has "region"; expected KEY=VALUE, several with commas between, such as "region=us-west,disk=ssd"',
    ],
  },
  {
    name: "a command that is none",
    yaml: "coreos:\n  units:\n    - name: a.service\n      command: strat\n",
    problems: [
      'line 5: coreos.units[0].command: is "strat"; choose one of start, stop, restart, reload, try-restart, reload-or-restart, reload-or-try-restart',
    ],
  },
  {
    name: "what is missing",
    yaml: "coreos:\n  units:\n    - command: start\n    -\nwrite_files:\n  - content: x\n",
    problems: [
      'line 4: coreos.units[0]: has no "name"; give it one',
      "line 5: coreos.units[1]: is empty; fill it in or remove it",
      'line 7: write_files[0]: has no "path"; give it one',
    ],
  },
  {
    name: "one key spelled in both ways",
    yaml: "coreos:\n  fleet:\n    public-ip: a\n    public_ip: b\n",
    problems: ["line 5: coreos.fleet.public_ip: stands on line 4 already; write it once"],
  },
  {
    name: "a variable that is not known",
    yaml: "# $public_ipv6 in a comment is none\nhostname: a$private_ipv6\n",
    problems: [
      "line 3: hostname: $private_ipv6 is not known on this machine; set COREOS_PRIVATE_IPV6 in /etc/environment, or write the address itself",
      'line 3: hostname: is "a$private_ipv6"; expected letters, digits, hyphens and dots, at most 64, such as core-01',
    ],
  },
  {
    name: "a file that can not be decoded",
    yaml: "write_files:\n  - path: /a\n    encoding: gzip+base64\n    content: aGVsbG8=\n",
    problems: [
      "line 5: write_files[0].content: cannot be decoded as gzip+base64 (incorrect header check); encode the file again",
    ],
  },
  {
    name: "user-data that is no map",
    yaml: "- a\n",
    problems: ["line 2: expected keys below it, not a list"],
  },
])
  test(`readCloudConfig() refuses ${name}`, () => {
    assert.equal(read(yaml).config, undefined);
    assert.deepEqual(problemsOf(yaml), problems);
  });

test("readCloudConfig() only warns of keys that the original documents without effect", () => {
  const { config, problems } = read("users:\n  - name: a\n    sudo: ALL\n");
  assert.deepEqual(config, { users: [{ name: "a" }] });
  assert.deepEqual(problems.map(describeProblem), [
    "line 4: warning: users[0].sudo: has no effect, as in the original",
  ]);
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
