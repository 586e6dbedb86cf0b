import assert from "node:assert/strict";
import { mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { coreosCloudinit } from "#cli/coreos-cloudinit.ts";
import { openSystemd } from "#systemd/open-systemd.ts";
import { privateSystemdMissing, startPrivateSystemd } from "#test/support/private-systemd.ts";

const signal = new AbortController().signal;
const skip = privateSystemdMissing();

test("coreos-cloudinit writes units, enables them and starts them with their drop-ins", {
  skip,
}, async () => {
  await using manager = await startPrivateSystemd();
  const { root } = manager;
  // What a distribution ships and a cloud-config configures; here it writes down what it was told.
  await mkdir(join(root, "run/systemd/system"), { recursive: true });
  await writeFile(
    join(root, "etc/systemd/system/etcd2.service"),
    `[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'env > ${root}/told'\n`,
  );
  await writeFile(join(root, "etc/environment"), "COREOS_PRIVATE_IPV4=127.0.1.9\n");

  const userData = `#cloud-config
coreos:
  etcd2:
    name: 'a "quoted" \\name'
    listen-client-urls: http://$private_ipv4:2379
  units:
    - name: etcd2.service
      command: start
      drop-ins:
        - name: 10-more.conf
          content: |
            [Service]
            Environment=MORE=yes
    - name: web.service
      enable: true
      command: reload-or-restart
      content: |
        [Service]
        ExecStart=/bin/sleep infinity
        [Install]
        WantedBy=default.target
    - name: masked.service
      mask: true
    - name: fails.service
      runtime: true
      command: start
      content: |
        [Service]
        Type=oneshot
        ExecStart=/bin/false
    - name: last.service
      command: try-restart
      content: |
        [Service]
        ExecStart=/bin/sleep infinity
`;
  const run = async (data: string) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const stdin = Readable.from([Buffer.from(data)]);
    const env = { KEELSON_ROOT: root, XDG_RUNTIME_DIR: manager.runtimeDir };
    const io = { stdin, stdout, stderr, env, cwd: root, signal };
    const status = await coreosCloudinit(["--from-file=-"], io);
    stdout.end();
    stderr.end();
    return { status, out: await text(stdout), err: await text(stderr) };
  };
  const first = await run(userData);
  assert.equal(first.status, 1, first.out);
  assert.match(first.err, /start fails.service: its job ended with "failed"; `journalctl/);
  const told = (await readFile(join(root, "told"), "utf8")).split("\n");
  for (const line of [
    'ETCD_NAME=a "quoted" \\name',
    "ETCD_LISTEN_CLIENT_URLS=http://127.0.1.9:2379",
    "MORE=yes",
  ])
    assert.ok(told.includes(line), `${line} in\n${told.join("\n")}`);

  await using systemd = await openSystemd({ socketPath: manager.socketPath }, signal);
  const states = async () => {
    const names = ["etcd2", "web", "masked", "fails", "last"].map((name) => `${name}.service`);
    return (await systemd.status(names, signal)).map((s) => `${s.loadState} ${s.activeState}`);
  };
  assert.deepEqual(await states(), [
    "loaded active",
    "loaded active",
    "masked inactive",
    "loaded failed",
    "loaded inactive",
  ]);
  // A user manager keeps what is enabled in its user's configuration.
  const enabled = join(root, ".config/systemd/user/default.target.wants/web.service");
  assert.equal(await readlink(enabled), join(root, "etc/systemd/system/web.service"));

  // Again without the unit that fails: nothing on disk changes, and what runs goes on.
  const mended = userData.replace("/bin/false", "/bin/true");
  const second = await run(mended);
  assert.equal(second.status, 0, second.err);
  const changed = second.out
    .split("\n")
    .filter((line) => /^(write|mask)/.test(line) && !line.endsWith("unchanged"));
  assert.deepEqual(changed, ["write /run/systemd/system/fails.service (0644): done"]);
  assert.match(second.out, /start etcd2.service: unchanged \(runs already\)/);
});
