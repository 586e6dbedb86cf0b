import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Project, wantedMachines } from "#machines/core/project.ts";
import { parseProject } from "#machines/core/project-file.ts";

const PLACE = { directory: "/home/me/my cluster_2", home: "/home/me" };

function sound(text: string): Project {
  const { project, problems } = parseProject(text, PLACE);
  assert.deepEqual(problems, []);
  assert.ok(project);
  return project;
}

/** As `keelson up` shows them: `line: key: message`. */
function problemsOf(text: string): string[] {
  const { project, problems } = parseProject(text, PLACE);
  assert.equal(project, undefined);
  return problems.map(({ line, key, message }) => `${line}: ${key}: ${message}`);
}

test("a project says what the Vagrantfiles of a cloud with three roles say", () => {
  const project = sound(`
name: openstack
provider: container
network: 192.168.10
defaults:
  channel: stable
  memory: 2048            # $vm_memory
  cpus: 2
  folders: ["~/test/continuse:/continuse"]
  packages: docker.io
groups:
  controller:
    count: 3
    first: 11
    user-data: controller/user-data
    memory: 3G
  network: {count: 2, first: 21, user-data: network/user-data, metadata: {role: neutron}}
  compute:
    count: 2
    first: 31
    user-data: |
      #cloud-config
      hostname: x
    metadata: role=compute, disk=ssd
    folders:
      - host: .
        path: /images
        read-only: true
`);
  const equipment = {
    folders: [{ host: "/home/me/test/continuse", path: "/continuse", readOnly: false }],
    memoryBytes: 2 ** 31,
    cpus: 2,
    channel: "stable",
    packages: ["docker.io"],
  };
  const { groups, ...rest } = project;
  assert.deepEqual(rest, {
    name: "openstack",
    provider: "container",
    network: "192.168.10",
    discovery: undefined,
  });
  assert.deepEqual(groups[0], {
    name: "controller",
    count: 3,
    first: 11,
    servers: 0,
    userData: { kind: "file", path: `${PLACE.directory}/controller/user-data` },
    metadata: {},
    equipment: { ...equipment, memoryBytes: 3 * 2 ** 30 },
  });
  assert.deepEqual(groups[1]?.metadata, { role: "neutron" });
  assert.deepEqual(groups[2]?.metadata, { role: "compute", disk: "ssd" });
  assert.deepEqual(groups[2]?.userData, {
    kind: "text",
    text: "#cloud-config\nhostname: x\n",
    line: 22,
  });
  const own = { host: PLACE.directory, path: "/images", readOnly: true };
  assert.deepEqual(groups[2]?.equipment.folders, [...equipment.folders, own]);
  assert.deepEqual(
    wantedMachines(project).map(({ name, number }) => `${name}.${number}`),
    [
      "controller-01.11",
      "controller-02.12",
      "controller-03.13",
      "network-01.21",
      "network-02.22",
      "compute-01.31",
      "compute-02.32",
    ],
  );
});

test("a project can be as short as a count; it is called as its directory, and its first machine has the store", () => {
  const project = sound("groups: {core: 3}");
  assert.equal(project.name, "my-cluster-2");
  assert.deepEqual(
    wantedMachines(project).map(({ name, number, isServer }) => [name, number, isServer]),
    [
      ["core-01", 1, true],
      ["core-02", 2, false],
      ["core-03", 3, false],
    ],
  );
});

test("groups without a first address stand ten apart; servers are of those that say so", () => {
  const { groups } = sound("groups:\n  web: 2\n  db: {count: 3, servers: 3}\n  cache: ~");
  assert.deepEqual(
    groups.map(({ name, count, first, servers }) => ({ name, count, first, servers })),
    [
      { name: "web", count: 2, first: 1, servers: 0 },
      { name: "db", count: 3, first: 11, servers: 3 },
      { name: "cache", count: 1, first: 21, servers: 0 },
    ],
  );
});

test("keys may have underscores, keys of metadata stay as written, and anchors are followed", () => {
  const { groups } = sound(`
groups:
  web: &like
    user_data: ud
    metadata: {disk_type: ssd, disk-size: 10}
  db: *like
`);
  assert.deepEqual(groups[0]?.userData, { kind: "file", path: `${PLACE.directory}/ud` });
  assert.deepEqual(groups[0]?.metadata, { disk_type: "ssd", "disk-size": "10" });
  assert.deepEqual({ ...groups[0], name: "db", first: 11 }, groups[1]);
});

test("a group reaches other networks when it, or the defaults, say so", () => {
  const { groups } = sound(`
provider: container
defaults: {internet: true}
groups: {web: 1, db: {internet: false}}
`);
  assert.deepEqual(
    groups.map(({ equipment }) => equipment.internet),
    [true, false],
  );
  assert.equal(sound("groups: {web: 1}").groups[0]?.equipment.internet, undefined);
  assert.match(problemsOf("groups: {web: {internet: maybe}}").join(), /internet.*true.*false/);
});

const MEMORY: [text: string, bytes: number][] = [
  ["512M", 512 * 2 ** 20],
  ["512MB", 512 * 2 ** 20],
  ["1.5 GiB", 1536 * 2 ** 20],
  ["1024", 2 ** 30],
  ["2g", 2 ** 31],
];
for (const [text, bytes] of MEMORY)
  test(`memory "${text}" is ${bytes} bytes`, () => {
    const [group] = sound(`groups: {a: {memory: ${text}}}`).groups;
    assert.equal(group?.equipment.memoryBytes, bytes);
  });

const WRONG: { name: string; text: string; says: readonly RegExp[] }[] = [
  { name: "nothing", text: "", says: [/^1: groups: has no groups/] },
  { name: "a list", text: "- a", says: [/^1: : expected keys below it, not a list/, /groups/] },
  {
    name: "slips in keys",
    text: "groups:\n  web:\n    cuont: 3\nprovidr: process\nzzz: 1",
    says: [
      /^3: groups\.web\.cuont: unknown key; did you mean "count"\?$/,
      /^4: providr: unknown key; did you mean "provider"\?$/,
      /^5: zzz: unknown key; known here: name, provider, /,
    ],
  },
  {
    name: "a key twice",
    text: "groups: {a: 1}\nname: x\nname: y",
    says: [/^3: name: stands on line 2 already; write it once$/],
  },
  {
    name: "a group twice",
    text: "groups:\n  a: 1\n  b: 1\n  a: 2",
    says: [/^4: groups\.a: stands on line 2/],
  },
  {
    name: "a key twice, by - and _",
    text: "groups:\n  a:\n    user-data: f\n    user_data: g",
    says: [/^4: groups\.a\.user_data: stands on line 3/],
  },
  {
    name: "groups as a list",
    text: "groups:\n- web: 2",
    says: [/^1: groups: expected keys below it, not a list$/],
  },
  {
    name: "a second document",
    text: "groups: {a: 1}\n---\ngroups: {b: 1}",
    says: [/^2: : a second document begins here/],
  },
  {
    name: "an indentation that is off",
    text: "groups:\n  web: 2\n   db: 3",
    says: [/^3: db: it is indented deeper than the line above/],
  },
  { name: "bad YAML", text: "groups:\n  web: [", says: [/^2: web: Flow sequence/] },
  { name: "a tab", text: "groups:\n\tweb: 3", says: [/^2: web: .*tab; use spaces$/] },
  {
    name: "a provider there is not",
    text: "provider: vmware\ngroups: {a: 1}",
    says: [/^1: provider: is "vmware"; choose one of process, container$/],
  },
  {
    name: "a count of nothing",
    text: "groups: {web: 0}",
    says: [/^1: groups\.web: is "0"; expected a whole number from 1 to 99$/],
  },
  {
    name: "a count in words",
    text: "groups: {web: {count: many}}",
    says: [/^1: groups\.web\.count: is "many"/],
  },
  {
    name: "more servers than machines",
    text: "groups: {web: {count: 2, servers: 3}}",
    says: [/servers: is "3"; expected a whole number from 0 to 2/],
  },
  {
    name: "servers beside user-data",
    text: "groups: {web: {servers: 1, user-data: f}}",
    says: [/servers: has no effect beside user-data/],
  },
  {
    name: "a group's name",
    text: "groups: {Web_1: 1}",
    says: [/^1: groups\.Web_1: the group's name is "Web_1"; use lower-case/],
  },
  {
    name: "a long name",
    text: `name: ${"a".repeat(25)}\ngroups: {a: 1}`,
    says: [/^1: name: is "a+"; .*at most 24$/],
  },
  {
    name: "memory without sense",
    text: "defaults: {memory: lots}\ngroups: {a: 1}",
    says: [/^1: defaults\.memory: is "lots"; expected such as 512M/],
  },
  {
    name: "too little memory",
    text: "groups: {a: {memory: 2}}",
    says: [/memory: is "2"; a machine needs at least 32M \(a bare number is in MiB\)/],
  },
  { name: "no processor", text: "groups: {a: {cpus: 0}}", says: [/cpus: is "0"/] },
  {
    name: "a network of four bytes",
    text: "network: 192.168.10.0\ngroups: {a: 1}",
    says: [/^1: network: is "192\.168\.10\.0"; expected the first three bytes/],
  },
  {
    name: "a folder without its inside",
    text: "groups: {a: {folders: [/srv]}}",
    says: [/folders\[0\]: is "\/srv"; expected DIRECTORY-HERE:DIRECTORY-INSIDE/],
  },
  {
    name: "a folder on everything",
    text: 'groups: {a: {folders: ["/srv:/"]}}',
    says: [/folders\[0\]: has "\/" for inside/],
  },
  {
    name: "a folder outside of the root",
    text: 'groups: {a: {folders: ["/srv:/a/../../b"]}}',
    says: [/has "\/a\/\.\.\/\.\.\/b" for inside/],
  },
  {
    name: "a folder's keys",
    text: "groups: {a: {folders: [{host: /srv, pth: /srv}]}}",
    says: [/pth: unknown key; did you mean "path"\?/, /needs `host:`/],
  },
  {
    name: "metadata with a comma",
    text: 'groups: {a: {metadata: {a: "x,y"}}}',
    says: [/metadata\.a: is "x,y"; fleet's metadata cannot/],
  },
  {
    name: "metadata without a value",
    text: "groups: {a: {metadata: role}}",
    says: [/metadata: has "role"; expected KEY=VALUE/],
  },
  {
    name: "user-data that is one line of text",
    text: 'groups: {a: {user-data: "#cloud-config"}}',
    says: [/user-data: is one line; expected a file's name/],
  },
  {
    name: "discovery: new",
    text: "discovery: new\ngroups: {a: {user-data: f}}",
    says: [/^1: discovery: is "new", of which service\?/],
  },
  {
    name: "discovery without user-data",
    text: "discovery: http://h:1/new\ngroups: {a: 1}",
    says: [/^1: discovery: is for machines with user-data of yours, which group a has not/],
  },
  {
    name: "groups that overlap",
    text: "groups:\n  a: {count: 3, first: 11}\n  b: {count: 2, first: 13}",
    says: [
      /^3: groups\.b: its addresses, \.13 to \.14, overlap those of group a, \.11 to \.13; .*first/,
    ],
  },
  {
    name: "addresses beyond the network",
    text: "groups: {a: {count: 9, first: 250}}",
    says: [/its last machine would have the address \.258/],
  },
];

for (const { name, text, says } of WRONG)
  test(`parseProject() tells of ${name}`, () => {
    const problems = problemsOf(text);
    assert.equal(problems.length, says.length, problems.join("\n"));
    for (const [at, expected] of says.entries()) assert.match(problems[at] ?? "", expected);
  });

test("a file with mistakes still tells its project's name, so that its machines can be halted", () => {
  assert.equal(parseProject("name: web\ngroups: {a: {cpus: x}}", PLACE).name, "web");
  assert.equal(parseProject("groups: {a: {cpus: x}}", PLACE).name, "my-cluster-2");
  assert.equal(parseProject("name: W!\ngroups: {a: 1}", PLACE).name, undefined);
});

const DIRECTORIES: [directory: string, name: string][] = [
  ["/", "project"],
  ["/home/me/4711", "project"],
  ["/srv/2 Web", "web"],
  [`/srv/${"long-".repeat(9)}`, "long-long-long-long-long"],
  ["/srv/ärger", "rger"],
];
for (const [directory, name] of DIRECTORIES)
  test(`the directory ${directory} names its project ${name}`, () => {
    assert.equal(parseProject("groups: {a: 1}", { directory, home: "/" }).name, name);
  });

const KEYS = ["name", "provider", "network", "discovery", "defaults", "groups", "count", "first"];
const MORE = [
  "servers",
  "user-data",
  "metadata",
  "memory",
  "cpus",
  "folders",
  "channel",
  "internet",
  "x",
];
const word = fc.constantFrom(...KEYS, ...MORE, "1", "3", "300", "1G", "a:/b", "process", "~", "");
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    word,
    fc.string(),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(word, tie("value"), { maxKeys: 5 }),
  ),
}));

test("parseProject() never throws, and says what is wrong whenever it has no project", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({
      unit: fc.constantFrom("groups", ": ", "\n  ", "- ", "&a ", "*a", "{", "}", "3", "'"),
    }),
    value.map((any) => JSON.stringify(any)),
    fc.dictionary(fc.constantFrom(...KEYS), value).map((any) => JSON.stringify(any)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const { project, problems } = parseProject(text, PLACE);
      assert.equal(project === undefined, problems.length > 0);
      for (const problem of problems) assert.ok(problem.line >= 1 && problem.message !== "");
    }),
    { numRuns: 2_000 },
  );
});
