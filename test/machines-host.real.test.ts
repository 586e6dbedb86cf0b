// Machines where systemd booted the computer: as its root, and as a user without any privilege.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootSystemdHost, cgroupLayouts, type SystemdHost } from "#test/support/nspawn.ts";

const USER_DATA = `#cloud-config
coreos:
  units:
    - name: hello.service
      command: start
      content: |
        [Service]
        ExecStart=/bin/sh -c 'trap "echo reloaded" HUP; echo "hello from %H %m"; while :; do sleep 1000 & wait $$!; done'
        ExecReload=/bin/kill -HUP $MAINPID
        ExecStop=/bin/sh -c 'echo in order >> "$KEELSON_ROOT/home/core/stopped"'
`;

/**
 * What a unit prints at its very start may come before the moment from which systemd shows it here, and what a
 * process prints that ends at once the journal may not know the unit of; this line is neither.
 */
const STATUS_AFTER_RELOAD = `systemctl --user reload hello
for attempt in $(seq 100); do
  systemctl --user status hello --no-pager | grep -q ": reloaded" && break; sleep 0.1
done
systemctl --user status hello --no-pager`;

/** Asks the machine's systemd through its socket, with the client that fleetd uses. */
const ASK_SYSTEMD = `
const { openSystemd } = await import("/opt/keelson/src/systemd/open-systemd.ts");
const socketPath = process.env.XDG_RUNTIME_DIR + "/systemd/private";
const signal = AbortSignal.timeout(30_000);
await using systemd = await openSystemd({ socketPath }, signal);
console.log(await systemd.restartUnit("hello.service", signal));
console.log((await systemd.status(["hello.service"], signal))[0].subState);
`;

/** What of machines a host holds: processes, mounts, control groups, scopes, directories. */
const TRACES = `
ps -eo user=,args= | grep -E 'systemd --user --unit|sleep|journald' | grep -v grep | sort
grep -c . /proc/1/mountinfo
find /sys/fs/cgroup -name '*keelson*'
systemctl list-units --all --no-legend 'keelson*'
[ $(id -u) = 0 ] || systemctl --user list-units --all --no-legend 'keelson*'
find /var/lib/keelson ~/.local/state/keelson /run/mount -mindepth 1 2>/dev/null || true
`;

async function succeed(host: SystemdHost, user: string, script: string): Promise<string> {
  const { status, stdout, stderr } = await host.run(user, `set -e\n${script}`);
  assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
  return stdout;
}

for (const layout of await cgroupLayouts())
  test(`a computer booted by systemd, control groups ${layout}`, async (t) => {
    await using host = await bootSystemdHost(layout);
    await succeed(
      host,
      "root",
      `mkdir -p /run/systemd/resolve; echo nameserver 127.0.0.53 > /run/systemd/resolve/stub-resolv.conf`,
    );
    for (const user of ["alice", "root"])
      await t.test(`${user} makes machines`, async () => {
        try {
          await lifecycle(host, user);
        } finally {
          await host.run(user, "keelson destroy"); // for the tests after it
        }
      });
    await t.test("alice and root have machines of the same names side by side", () =>
      sideBySide(host),
    );
    await t.test("without user namespaces alice is told how to permit them", async () => {
      const before = await succeed(host, "alice", TRACES);
      const forbid = "systemd-run --user --quiet --pipe --wait -p RestrictNamespaces=~user";
      const { status, stderr } = await host.run(
        "alice",
        `${forbid} --setenv=KEELSON_SOURCE=1 /opt/keelson/bin/keelson up --machines 1`,
      );
      assert.equal(status, 69, stderr);
      assert.match(stderr, /user namespaces are not permitted.*max_user_namespaces/s);
      await succeed(host, "alice", "keelson destroy");
      assert.equal(await succeed(host, "alice", TRACES), before);
    });
    await t.test("bob, for whom no systemd runs, is told what to do", async () => {
      const { status, stderr } = await host.run("bob", "keelson up --machines 1");
      assert.equal(status, 69, stderr);
      assert.match(stderr, /Cannot make machines: .*enable-linger/s);
    });
  });

async function lifecycle(host: SystemdHost, user: string): Promise<void> {
  const run = (script: string) => succeed(host, user, script);
  const inside = (script: string) => run(`keelson ssh core-01 ${quoted(script)}`);
  const before = await run(TRACES);
  await run(
    `echo ${quoted(USER_DATA)} > ud; keelson up --machines 2 --network 127.0.71 --user-data ud`,
  );
  assert.notEqual(await run(TRACES), before);
  const id = (await inside("cat /etc/machine-id")).trim();
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(await inside("hostname"), "core-01\n");
  assert.match(await inside("cat /run/systemd/resolve/stub-resolv.conf"), /127\.0\.0\.53/);

  const journal = await inside("journalctl --user-unit hello --no-pager --output=cat");
  assert.match(journal, new RegExp(`hello from core-01 ${id}`));
  assert.match(journal, /Started hello\.service/);
  const status = await inside(STATUS_AFTER_RELOAD);
  assert.match(status, /active \(running\)[\s\S]*sh\[\d+\]: reloaded/);
  const node = "/opt/keelson/node_modules/node/bin/node --input-type=module";
  assert.equal(await inside(`${node} -e ${quoted(ASK_SYSTEMD)}`), "done\nrunning\n");

  await run(`keelson ssh core-01 sleep 2001 & until pgrep -f "^sleep 2001"; do sleep 0.1; done
    keelson halt core-01; ! pgrep -f "^sleep 2001"; wait || true`);
  assert.match(await run("keelson status"), /core-01 +halted [\s\S]*core-02 +running/);
  await run("keelson up core-01");
  assert.equal((await inside("cat /etc/machine-id")).trim(), id);
  assert.equal(await inside("cat stopped"), "in order\nin order\n"); // restarted once, halted once
  const messages = (await inside("journalctl --user-unit hello --output=cat")).match(/hello from/g);
  assert.equal(messages?.length, 3, "the journal outlives a halt");

  await run("keelson halt core-01 --force");
  await run("keelson up core-01");
  assert.equal(await inside("cat stopped"), "in order\nin order\n", "a power cut stops nothing");
  await run("keelson destroy");
  assert.equal(await run(TRACES), before);
}

async function sideBySide(host: SystemdHost): Promise<void> {
  const before = await succeed(host, "root", TRACES);
  await Promise.all(
    ["alice", "root"].map((user, at) =>
      succeed(
        host,
        user,
        `echo ${quoted(USER_DATA)} > ud; keelson up --machines 1 --network 127.0.${72 + at} --user-data ud`,
      ),
    ),
  );
  await succeed(host, "root", "keelson halt --force && keelson destroy");
  assert.match(await succeed(host, "alice", "keelson status"), /running/);
  await succeed(host, "alice", "keelson destroy");
  assert.equal(await succeed(host, "root", TRACES), before);
}

/** As one word of a shell's. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
