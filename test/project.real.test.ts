// A project's life with machines of the process provider, as a person types it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { quoted } from "#test/support/keelson.ts";
import { projectDirectory } from "#test/support/project.ts";

const UNIT = `#cloud-config
coreos:
  units:
    - name: hello.service
      command: start
      content: |
        [Service]
        ExecStart=/bin/sh -c 'echo hello one; exec sleep 1000'
`;
const PROJECT = `network: 127.0.87
groups:
  web:
    count: 2
    user-data: user-data
    metadata: {disk: ssd}
  db:
    count: 1
    user-data: |
${UNIT.replaceAll(/^/gm, "      ")}
`;
const FILES = { "keelson.yaml": PROJECT, "user-data": UNIT };

test("a project is brought up, looked into, changed, grown, shrunk and destroyed", async () => {
  await using project = await projectDirectory(FILES);
  const { succeed, tells } = project;
  assert.match(await succeed("status"), /web-01 +not created \(process\) +127\.0\.87\.1 +disk=ssd/);
  assert.match(await tells("up"), /db-01: booting \(process, 127\.0\.87\.11\)/);
  const running = await succeed("status");
  assert.match(running, /web-01 +running[^]*web-02 +running .* disk=ssd\ndb-01 +running/);

  assert.equal(await succeed("ssh", "web-02", "hostname; cat /etc/hostname"), "web-02\nweb-02\n");
  assert.equal(await succeed("ssh", "db-01", "--", "-A", "-t", "hostname"), "db-01\n");
  assert.equal((await project.keelson(["ssh", "web-01", "-c", "exit 7"])).status, 7);
  assert.match(await succeed("logs", "web-01"), /hello one/);
  assert.match(await succeed("logs", "web-01", "--unit", "hello", "-n", "9"), /hello one\n/);

  await project.write("user-data", UNIT.replace("hello one", "hello two"));
  assert.match(
    await tells("up"),
    /web-01: is already running; `keelson reload web-01` boots it with the new user-data/,
  );
  assert.match(await succeed("status"), /Changed since it booted: web-01, web-02; `keelson reload/);
  await tells("reload", "web-01");
  assert.match(await succeed("logs", "web-01", "-u", "hello"), /hello one[^]*hello two/);
  assert.match(await succeed("status"), /Changed since it booted: web-02;/);

  await project.write("keelson.yaml", PROJECT.replace("count: 2", "count: 3"));
  assert.match(await tells("up", "web"), /web-03: ready/);
  await project.write("keelson.yaml", PROJECT.replace("count: 2", "count: 1"));
  assert.match(await tells("up", "db"), /web-03: is not in .*keelson\.yaml any more/);
  await tells("halt", "web-*");
  const rows = JSON.parse(await succeed("status", "--json")) as {
    name: string;
    state: string;
    wanted: boolean;
  }[];
  assert.deepEqual(rows.map(({ name, state, wanted }) => `${name} ${state} ${wanted}`).toSorted(), [
    "db-01 running true",
    "web-01 halted true",
    "web-02 halted false",
    "web-03 halted false",
  ]);
  await tells("destroy", "web-02", "web-03");
  assert.doesNotMatch(await succeed("status"), /web-0[23]/);

  await tells("destroy");
  assert.deepEqual(await project.state.traces(), []);
  await assert.rejects(readdir(project.state.path), { code: "ENOENT" });
});

test("a project is found from below its directory, through links, or by --project", async () => {
  await using project = await projectDirectory(FILES);
  const below = join(project.directory, "a/b");
  await mkdir(below, { recursive: true });
  const link = join(dirname(project.directory), "link");
  await symlink(project.directory, link);
  const file = join(project.directory, "keelson.yaml");
  const ways: [args: string[], from: string][] = [
    [["status"], below],
    [["status"], link],
    [["status", "--project", file], "/"],
    [["status", "--project", "web/keelson.yaml"], dirname(project.directory)],
  ];
  for (const [args, from] of ways) {
    const { status, stdout, stderr } = await project.keelson(args, from);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /db-01 +not created/);
  }
  const { status, stderr } = await project.keelson(["up", "--project", "nowhere.yaml"], "/");
  assert.equal(status, 66);
  assert.match(stderr, /Cannot read the project file \/nowhere\.yaml: ENOENT/);
});

test("two projects of one name are told apart, and one that was moved is the same", async () => {
  await using project = await projectDirectory({
    ...FILES,
    "keelson.yaml": PROJECT.replace("count: 2", "count: 1"),
  });
  await project.tells("up", "web");
  const parent = dirname(project.directory);
  const copy = join(parent, "copy/web");
  await cp(project.directory, copy, { recursive: true });
  for (const command of ["up", "status", "halt", "destroy"]) {
    const { status, stderr } = await project.keelson([command], copy);
    assert.equal(status, 78, stderr);
    assert.match(
      stderr,
      /there are machines of that name already, made from .*\/web\/keelson\.yaml; give this one another `name:`/,
    );
  }
  await rm(copy, { recursive: true });
  await rename(project.directory, copy);
  const { stdout } = await project.keelson(["status"], copy);
  assert.match(stdout, /web-01 +running/);
  const { stderr } = await project.keelson(["up", "web"], copy);
  assert.match(stderr, /web-01: is already running/);
  await rename(copy, project.directory);
});

test("two projects never share addresses", async () => {
  await using project = await projectDirectory(FILES);
  await project.tells("up", "db");
  const other = join(dirname(project.directory), "other");
  await cp(project.directory, other, { recursive: true });
  const refused = await project.keelson(["up"], other);
  assert.equal(refused.status, 69, refused.stderr);
  assert.match(
    refused.stderr,
    /Cannot use network 127\.0\.87: the machines of project web \(.*\) have its addresses/,
  );
});

test("an address that something listens on is not taken, and the rest boots", async () => {
  await using project = await projectDirectory(FILES);
  const server = createServer();
  await once(server.listen(2379, "127.0.87.2"), "listening");
  try {
    const { status, stderr } = await project.keelson(["up"]);
    assert.equal(status, 69, stderr);
    assert.match(
      stderr,
      /Cannot boot web-02: .* listens on its address 127\.0\.87\.2 already \(port 2379\)/,
    );
    assert.match(
      await project.succeed("status"),
      /web-01 +running[^]*web-02 +halted[^]*db-01 +run/,
    );
  } finally {
    server.close();
  }
  await project.tells("up");
});

test("a file with mistakes stops no machine from being halted and destroyed", async () => {
  await using project = await projectDirectory(FILES);
  await project.tells("up", "db");
  await project.write("keelson.yaml", `${PROJECT}nework: 127.0.88\nprovider: vagrant\n`);
  const { status, stderr } = await project.keelson(["up"]);
  assert.equal(status, 78);
  assert.match(
    stderr,
    /2 problems, nothing was changed; mend and try again:\n.*keelson\.yaml:\d+: nework: unknown key; did you mean "network"\?\n.*choose one of process, container/,
  );
  const shown = await project.keelson(["status"]);
  assert.match(shown.stdout, /db-01 +running/);
  assert.match(shown.stderr, /keelson\.yaml has mistakes/);
  await project.tells("halt", "db-01");
  await project.tells("destroy", "db-01");
  await project.write("keelson.yaml", "name: [");
  const unnamed = await project.keelson(["halt"]);
  assert.equal(unnamed.status, 78);
  assert.match(
    unnamed.stderr,
    /not even its name can be told; mend that first:\n.*keelson\.yaml:1: /,
  );
  await project.write("keelson.yaml", PROJECT);
});

const MISTAKES: { name: string; args: string[]; status: number; says: RegExp }[] = [
  {
    name: "a count that the file says",
    args: ["up", "--machines", "3"],
    status: 2,
    says: /--machines here: the project file .* edit `count:`/,
  },
  {
    name: "a slip in a name",
    args: ["halt", "wbe-01"],
    status: 1,
    says: /there are web-01, web-02, db-01; did you mean web-01/,
  },
  {
    name: "a group for one machine",
    args: ["ssh", "web"],
    status: 2,
    says: /it means web-01, web-02; name one/,
  },
  { name: "no name", args: ["ssh"], status: 2, says: /name a machine first/ },
  {
    name: "ssh's options without a --",
    args: ["ssh", "web-01", "-A"],
    status: 2,
    says: /`keelson ssh web-01 -- -A`/,
  },
  {
    name: "a machine that is off",
    args: ["ssh", "db-01"],
    status: 1,
    says: /db-01: it is halted; start it with `keelson up db-01`/,
  },
  {
    name: "ssh where there is no sshd",
    args: ["ssh-config"],
    status: 2,
    says: /run no sshd; `keelson ssh web-01` opens a shell/,
  },
  {
    name: "a partition without a network",
    args: ["partition", "web-01", "web-02"],
    status: 2,
    says: /share this computer's network; .*--provider container/,
  },
  {
    name: "a partition from itself",
    args: ["partition", "web-01", "web"],
    status: 2,
    says: /Cannot part web-01 from itself/,
  },
  {
    name: "another provider",
    args: ["up", "--provider", "container"],
    status: 2,
    says: /were made by provider process; `keelson destroy` them first/,
  },
  {
    name: "no such provider",
    args: ["up", "--provider", "vmware"],
    status: 2,
    says: /choose one of process, container/,
  },
  { name: "logs of everything", args: ["logs"], status: 2, says: /name one machine/ },
  {
    name: "the old command",
    args: ["shell", "web-01"],
    status: 2,
    says: /it is `keelson ssh NAME` now/,
  },
  {
    name: "an option's slip",
    args: ["up", "--machins", "3"],
    status: 2,
    says: /Unknown option '--machins'; `keelson help up`/,
  },
];

test("mistakes are told with what to do instead, and change nothing", async (t) => {
  await using project = await projectDirectory(FILES);
  await project.tells("up");
  await project.tells("halt", "db");
  const before = await project.succeed("status", "--json");
  for (const { name, args, status, says } of MISTAKES)
    await t.test(name, async () => {
      const outcome = await project.keelson(args);
      assert.equal(outcome.status, status, outcome.stderr);
      assert.match(outcome.stderr, says);
      assert.doesNotMatch(outcome.stderr, /^ +at /m, "a stack trace is no message");
    });
  assert.equal(await project.succeed("status", "--json"), before);
});

test("a Ctrl-C is for the program on the machine, as often as it is typed", async () => {
  await using project = await projectDirectory(FILES);
  await project.tells("up", "db");
  // Not a trap of bash: a Ctrl-C between two of its commands can have bash 5.2 signal itself for ever.
  const program = `
    let count = 0;
    process.on("SIGINT", () => {
      console.log("got");
      if (++count === 2) process.exit(5);
    });
    setTimeout(process.exit, 100_000, 6);
    console.log("here");`;
  const line = `exec ${process.execPath} -e ${quoted(program)}`;
  await using shell = project.start(["ssh", "db-01", line]);
  for (const said of ["here", "got"]) {
    await shell.untilSaid(said);
    shell.signalGroup("SIGINT");
  }
  assert.equal(await shell.ended(), 5);
});

for (const said of ["shutting down", "halted", "booting", "applying"])
  test(`a reload that is interrupted when "${said}" is made good by up`, async () => {
    await using project = await projectDirectory(FILES);
    await project.tells("up");
    await using cut = project.start(["reload", "web"]);
    await cut.untilSaid(said);
    cut.child.kill("SIGINT");
    assert.equal(await cut.ended(), 130);
    await project.tells("up");
    assert.match(await project.succeed("status"), /web-01 +running[^]*web-02 +running/);
    await project.tells("destroy");
    assert.deepEqual(await project.state.traces(), []);
  });
