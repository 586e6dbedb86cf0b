import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import type { MachineFacts } from "./machine-facts.ts";
import { describeProblem, messageOf } from "./problem.ts";
import { readCloudConfig } from "./read-cloud-config.ts";
import { describeReport, toEntry, validate } from "./validate.ts";

const FACTS: MachineFacts = {
  currentHostname: "example",
  privateIpv4: "192.0.2.1",
  publicIpv4: "203.0.113.1",
  privateIpv6: "2001:db8::1",
  publicIpv6: "2001:db8::2",
  isExample: true,
  metadata: {},
};

const check = (text: string) => validate(text, FACTS, gunzipSync);
const told = (text: string) =>
  check(text).problems.flatMap((problem) => describeProblem(problem).split("\n"));

/** User-data, and what coreos-cloudinit --validate of 2017 says of it, sorted. */
interface OriginalReport {
  readonly text: string;
  readonly says: readonly string[];
}

const RECORDED: readonly OriginalReport[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "original-reports.json"), "utf8"),
);

/** What of the original's words is not expected, or not to the letter; docs/reference-validator.md says why. */
function expected(says: readonly string[]): readonly string[] {
  return says
    .filter((line) => !/deprecated key "(?:etcd2|fleet)"/.test(line))
    .map((line) => line.replace(/warning: (?=incorrect type)/, "").replace(/^line 0: /, ""))
    .toSorted();
}

for (const { text, says } of RECORDED)
  test(`validate() says what the original says of ${JSON.stringify(text)}`, () => {
    const { problems, status } = check(text);
    const original = problems.filter((problem) => problem.isOriginal);
    const atLine0 = new Set(
      says.filter((line) => line.startsWith("line 0: ")).map((line) => line.slice(8)),
    );
    const lines = original.map((problem) => {
      const severity = problem.message.startsWith("incorrect type") ? "" : `${problem.severity}: `;
      const line = `line ${problem.line}: ${severity}${messageOf(problem)}`;
      const words = `${problem.severity}: ${messageOf(problem)}`;
      return atLine0.delete(words) ? words : line;
    });
    assert.deepEqual(lines.toSorted(), expected(says));
    if (expected(says).length > 0) assert.equal(status, 1);
  });

const SENSE = [
  {
    name: "a path that begins nowhere, is written twice, or lies below a file",
    text: "write_files:\n  - path: etc/a\n  - path: /etc//a\n  - path: /etc/a/b\n",
    says: [
      'line 3: warning: write_files[0].path: is "etc/a" and taken as /etc/a; write the path from the root',
      "line 4: warning: write_files[1].path: is written on line 3 too, and this one stays; write it once",
      "line 5: error: write_files[2].path: lies below etc/a, which line 3 makes a file; give one another path",
    ],
  },
  {
    name: "keys that are none, and a password that is no hash",
    text: "ssh_authorized_keys:\n  - core\n  - ssh-ed25519 AAAA me\nusers:\n  - name: core\n    passwd: secret\n",
    says: [
      'line 3: warning: ssh_authorized_keys[0]: does not look like a public key, such as "ssh-ed25519 AAAA… name"; sshd will pass over it',
      "line 7: warning: users[0].passwd: is no hash of a password, so nobody can log in by it; make one with `openssl passwd -6`",
    ],
  },
  {
    name: "a private key",
    text: "ssh_authorized_keys:\n  - |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n",
    says: [
      "line 3: warning: ssh_authorized_keys[0]: is a private key, which stays with its owner; write the public one, of the .pub file",
    ],
  },
  {
    name: "two ways to find a cluster",
    text: "coreos:\n  etcd2:\n    name: a\n    discovery: http://h/t\n    initial-cluster: a=http://h:2380\n",
    says: [
      "line 6: warning: coreos.etcd2.initial_cluster: stands beside discovery: etcd refuses to start with more than one way to find its cluster; leave one out",
    ],
  },
  {
    name: "a cluster without this machine",
    text: "coreos:\n  etcd2:\n    name: a\n    initial-cluster: b=http://b:2380,c=http://c:2380\n",
    says: [
      "line 5: warning: coreos.etcd2.initial_cluster: has b, c, and this machine is called a: etcd refuses to start; add it or change the name",
    ],
  },
  {
    name: "a proxy with peers",
    text: "coreos:\n  etcd2:\n    proxy: on\n    listen-peer-urls: http://h:2380\n",
    says: [
      "line 5: warning: coreos.etcd2.listen_peer_urls: has no effect with proxy: on, for a proxy has no peers; leave it out",
    ],
  },
  {
    name: "URLs that are none, or nobody's",
    text: "coreos:\n  etcd2:\n    advertise-client-urls: http://0.0.0.0:2379\n    listen-client-urls: http://h:2379,0.0.0.0:4001\n    discovery: https://discovery.etcd.io/<token>\n",
    says: [
      'line 4: warning: coreos.etcd2.advertise_client_urls: has "http://0.0.0.0:2379", which others cannot reach; write the machine\'s address, such as http://$private_ipv4:2379',
      'line 5: warning: coreos.etcd2.listen_client_urls: has "0.0.0.0:4001"; expected a URL that begins with http:// or https://',
      'line 6: warning: coreos.etcd2.discovery: is "https://discovery.etcd.io/<token>", with a place that was to be filled in; ask a discovery service for a token: curl URL/new?size=3',
    ],
  },
  {
    name: "what a genuine etcd asks for, and lists that are none",
    text: "coreos:\n  etcd2:\n    name: a\n    listen-client-urls: http://h:2379\n    initial-cluster: http://h:2380\n  fleet:\n    etcd-servers: h:2379\n",
    says: [
      "line 5: warning: coreos.etcd2.listen_client_urls: has no advertise_client_urls beside it, without which a genuine etcd refuses to start; give both",
      'line 6: warning: coreos.etcd2.initial_cluster: has "http://h:2380"; expected NAME=PEER-URL, several with commas between',
      'line 8: warning: coreos.fleet.etcd_servers: has "h:2379"; expected a URL that begins with http:// or https://',
    ],
  },
  {
    name: "a unit that is masked and started",
    text: "coreos:\n  units:\n    - name: a.service\n      mask: true\n      command: start\n",
    says: [
      "line 6: warning: coreos.units[0].command: cannot start a.service, which is masked; leave out one of them",
    ],
  },
  {
    name: "a template that is started, a unit nothing is asked of, and a name of another",
    text: "coreos:\n  units:\n    - name: a@.service\n      command: start\n    - name: b.service\n    - name: fleetd.service\n      command: start\n",
    says: [
      "line 5: warning: coreos.units[0].command: cannot start a@.service, a template; name an instance, such as a@1.service",
      "line 6: warning: coreos.units[1]: asks nothing of b.service; give it content, drop_ins or a command",
      "line 7: warning: coreos.units[2].name: fleetd.service has no content here; did you mean fleet.service?",
    ],
  },
  {
    name: "drop-ins that are not whole, and a unit that may not be there",
    text: "coreos:\n  units:\n    - name: a.service\n      drop-ins:\n        - name: a.conf\n        - content: |\n            [Unit]\n",
    says: [
      "line 4: warning: coreos.units[0].name: a.service has no content here; the machine must have it",
      "line 6: warning: coreos.units[0].drop_ins[0]: has no content, and is passed over",
      "line 7: warning: coreos.units[0].drop_ins[1]: has no name, and is passed over",
    ],
  },
  {
    name: "unit files, line by line",
    text: "coreos:\n  units:\n    - name: a.service\n      enable: true\n      content: |\n        [Unit]\n        After=b.service\n        [Servce]\n        ExecStart=/bin/true\n        [X-Fleet]\n        Global=true\n    - name: b.timer\n      content: |\n        [Timer]\n        nonsense\n",
    says: [
      "line 5: warning: coreos.units[0].enable: needs an [Install] section in a.service, such as WantedBy=multi-user.target; without, nothing is enabled",
      "line 6: warning: coreos.units[0].content: has no ExecStart= in a [Service] section, nor that section: systemd does not load a.service",
      "line 10: warning: coreos.units[0].content: systemd passes over the section [Servce] in a.service; did you mean [Service]?",
      "line 12: warning: coreos.units[0].content: the section [X-Fleet] is for fleet, and systemd passes over it; give a.service to fleetctl, or leave the section out",
      'line 16: warning: coreos.units[1].content: "nonsense" has no "="; write NAME=VALUE, or # before a comment',
    ],
  },
  {
    name: "what web pages make of quotes, hyphens and blanks",
    text: "hostname: a\ncoreos:\n  etcd2:\n    name: “a”\n  units:\n    - name: a.service\n      content: |\n        [Service]\n        # don’t\n        ExecStart=/bin/ls –l\n        ExecStop=/bin/ls\u00a0-l\n",
    says: [
      "line 5: warning: coreos.etcd2.name: has the typographic quote “, which quotes nothing; write a plain \" or '",
      "line 11: warning: coreos.units[0].content: has the typographic dash –; options begin with plain hyphens, - or --",
      "line 12: warning: coreos.units[0].content: has a blank that is none to programs (a no-break space); type the blank anew",
    ],
  },
];

for (const { name, text, says } of SENSE)
  test(`validate() tells of ${name}, where the original is silent`, () => {
    assert.deepEqual(told(`#cloud-config\n${text}`), says);
    const isError = says.some((line) => / error: /.test(line));
    assert.equal(check(`#cloud-config\n${text}`).status, isError ? 1 : 0);
  });

test("validate() is silent about what is right", () => {
  const text = `#cloud-config
hostname: core-01
ssh_authorized_keys: ["ssh-rsa AAAAB3Nz me@home", 'command="ls" ssh-ed25519 AAAA x']
users: [{name: a, passwd: $6$salt$hash, gecos: "O’Brien – admin"}]
write_files: [{path: /etc/a, content: "“quoted”"}, {path: /etc/ab}, {path: /opt/c, permissions: 0755}]
coreos:
  etcd2: {name: core-01, initial-cluster: "core-01=http://$private_ipv4:2380", proxy: auto}
  fleet: {metadata: a=b, api-listen: "http://0.0.0.0:49153"}
  units:
    - {name: etcd2.service, command: stop}
    - {name: etcd2.service, command: start}
    - {name: foo@1.service, command: start}
    - {name: foo@.service, content: "[Service]\\nExecStart=/bin/true\\n"}
    - {name: 00-a.network, content: "[Match]\\nName=eth0\\n[Network]\\nDHCP=yes\\n"}
`;
  assert.deepEqual(told(text), []);
});

for (const [text, hint] of [
  [
    "#cloud-confie\nhostname: a\n",
    'the first line is "#cloud-confie"; write exactly #cloud-config',
  ],
  ["# cloud-config\n", 'the first line is "# cloud-config"; write exactly #cloud-config'],
  ["#Cloud-Config\n", 'the first line is "#Cloud-Config"; write exactly #cloud-config'],
  ["\n#cloud-config\n", '"#cloud-config" stands on line 2; it has to be the first'],
  ["\uFEFF#cloud-config\n", "a byte order mark stands before the first character"],
  ["hostname: a\n", "write exactly #cloud-config on the first line"],
] as const)
  test(`validate() explains the first line of ${JSON.stringify(text)}`, () => {
    const [message, advice = ""] = told(text);
    assert.equal(message, 'line 1: error: must be "#cloud-config" or begin with "#!"');
    assert.ok(advice.includes(hint), advice);
  });

test("a report's entries have what the original's service tells, and where and what to do", () => {
  const { problems } = check(
    "#cloud-config\ncoreos: {etcd2: {discovry: x}}\nwrite_files: [{path: a}]\n",
  );
  assert.deepEqual(problems.map(toEntry), [
    {
      kind: "warning",
      line: 2,
      message: 'unrecognized key "discovry"',
      key: "coreos.etcd2.discovry",
      hint: 'did you mean "discovery"?',
    },
    {
      kind: "warning",
      line: 3,
      message: 'write_files[0].path: is "a" and taken as /a; write the path from the root',
      key: "write_files[0].path",
    },
  ]);
});

test("the reference shows what is said", () => {
  const reference = readFileSync(
    join(import.meta.dirname, "../../../docs/reference-validator.md"),
    "utf8",
  );
  const shown = /--from-file=user-data\n([^]*?)```/.exec(reference)?.[1]?.replace(/, …$/m, "");
  const text =
    "#cloud-config\ncoreos:\n  etcd2:\n    discovry: x\n  units:\n    - name: etcd2.service\n      command: strat\nwrite_files:\n  - path: etc/motd\n";
  const said = describeReport(check(text)).replace(/, try-restart.*$/m, "");
  assert.equal(said, shown);
});

const word = fc.constantFrom(
  "coreos",
  "units",
  "name",
  "content",
  "etcd2",
  "users",
  "passwd",
  "path",
  "write_files",
  "discovery",
  "x",
);
const anyTree = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.string(),
    fc.constantFrom("a.service", "[Unit]\nA=b", "http://$public_ipv4", "true", "", "/a", "“"),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(word, tie("tree"), { maxKeys: 4 }),
  ),
})).tree;

test("validate() never throws, and finds all that hinders the file from being applied", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyTree.map((tree) => JSON.stringify(tree)),
        fc.string(),
      ),
      (body) => {
        const text = `#cloud-config\n${body}`;
        const report = check(text);
        const lines = body.split(/\r\n|\n|\r/).length + 1;
        for (const { line } of report.problems)
          assert.ok(line >= 1 && line <= lines, `line ${line}`);
        const { config } = readCloudConfig(text, FACTS, gunzipSync);
        if (config === undefined) assert.equal(report.status, 1);
        assert.equal(describeReport(report) === "", report.problems.length === 0);
      },
    ),
    { numRuns: 1000 },
  );
});

test("validate() unfolds files, and says when they cannot be", () => {
  const packed = gzipSync("hello").toString("base64");
  const file = (content: string) =>
    `#cloud-config\nwrite_files: [{path: /a, encoding: gz+b64, content: ${content}}]\n`;
  assert.deepEqual(told(file(packed)), []);
  assert.match(told(file(packed.slice(0, 20))).join(), /unexpected end of file/);
});
