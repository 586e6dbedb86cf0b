// Cloud-configs applied to whole computers, and what those are afterwards, against what the format's documents say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { makeSelfSigned } from "#base/self-signed.ts";
import { CLOUD_CONFIG } from "#cloudconfig/core/schema.ts";
import type { Shape } from "#cloudconfig/core/shape.ts";
import {
  checkDaemon,
  checkEverything,
  EVERYTHING,
  everythingFor,
  UNITS_BEFORE,
} from "#test/cloud-config-everything.ts";
import { CloudHost } from "#test/cloud-config-host.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPk9WPDx3bGVeFVbIYD6r0gnBcFwYuTnv5AkN7aOL8f";

const IMPORTS = `#cloud-config
users:
  - name: octo
    coreos-ssh-import-github: octocat
    coreos-ssh-import-github-users:
      - one
      - two
    coreos-ssh-import-url: https://api.github.com/mine
`;

/** Of `restart` and its like, and of what must be asked for again, nobody can say that it is so already. */
const DONE_EACH_TIME = new Set([
  "reload systemd's unit files",
  "restart systemd-networkd.service",
  "restart update-engine.service",
  "reload-or-restart until-reboot.service",
]);

test("every key of a cloud-config does what it says, and does it once", async () => {
  await using host = await CloudHost.boot();
  await host.succeed(UNITS_BEFORE);
  const userData = await everythingFor(host);

  const first = await host.apply(userData);
  assert.equal(first.status, 0, first.stderr);
  assert.doesNotMatch(first.stdout, /: (?:failed|skipped)/);
  await checkEverything(host);

  const before = await host.places();
  const processes = await mainPids(host);
  const second = await host.apply(userData);
  assert.equal(second.status, 0, second.stderr);
  assert.equal(await host.places(), before);
  assert.deepEqual(await mainPids(host), processes);
  const done = second.stdout.split("\n").filter((line) => line.endsWith(": done"));
  assert.deepEqual(
    done.filter((line) => !DONE_EACH_TIME.has(line.replace(": done", ""))),
    [],
  );
  await checkEverything(host);

  // What was switched off can be switched on.
  const on = userData.replace("reboot-strategy: off", "reboot-strategy: etcd-lock");
  const third = await host.apply(on);
  assert.equal(third.status, 0, third.stderr);
  assert.match(await host.read("/etc/coreos/update.conf"), /^REBOOT_STRATEGY=etcd-lock$/m);
  await checkDaemon(host, "locksmith", "locksmithd");
});

test("the cloud-configs tried here have every key there is", () => {
  const written = new Set([EVERYTHING, IMPORTS].flatMap((text) => keysOf(parse(text))));
  const missing = keysOfShape(CLOUD_CONFIG).filter((key) => !written.has(key));
  assert.deepEqual(missing, []);
  assert.ok(written.size > 150);
});

test("keys are imported from GitHub and from a URL", async () => {
  await using host = await CloudHost.boot();
  const { cert, key } = makeSelfSigned(["api.github.com"], {
    commonName: "api.github.com",
    days: 1,
    nowMs: Date.now(),
  });
  await host.write("/srv/cert.pem", cert);
  await host.write("/srv/key.pem", key);
  await host.write("/srv/github.mjs", githubOf({ octocat: 2, one: 1, two: 1 }));
  await host.succeed(`
echo 127.0.0.1 api.github.com >> /etc/hosts
systemd-run --unit=github --service-type=notify --property=NotifyAccess=all \\
  /opt/keelson/node_modules/node/bin/node /srv/github.mjs`);
  await host.write("/user-data", IMPORTS);
  await host.succeed("NODE_EXTRA_CA_CERTS=/srv/cert.pem coreos-cloudinit --from-file=/user-data");
  const names = ["coreos-cloudinit-octo", "github-octocat", "github-one", "github-two"];
  assert.equal(await host.succeed("ls ~octo/.ssh/authorized_keys.d"), names.join("\n"));
  const keys = (await host.read("/home/octo/.ssh/authorized_keys")).split("\n");
  assert.deepEqual(
    keys.filter((line) => line.startsWith("ssh-")).map((line) => line.replace(`${KEY} `, "")),
    ["/mine-0", "octocat-0", "octocat-1", "one-0", "two-0"],
  );
});

test("a script is run by bash as a unit of its own, addresses filled in", async () => {
  await using host = await CloudHost.boot();
  const script = `#!/bin/bash
[[ $BASH_VERSION ]] && echo "at $private_ipv4, $(id -un), \${HOME-homeless}" > /srv/result
exit 3
`;
  const applied = await host.apply(script);
  assert.equal(applied.status, 0, applied.stderr);
  const workspace = "/var/lib/coreos-cloudinit/scripts";
  const unit = await host.read(`${workspace}/unit-name`);
  assert.match(unit, /^coreos-cloudinit-\d+\.service$/);
  await host.until(`systemctl is-failed ${unit}`);
  const result = `systemctl show -p Result -p ExecMainStatus ${unit}`;
  assert.equal(await host.succeed(result), "Result=exit-code\nExecMainStatus=3");
  assert.equal(await host.read("/srv/result"), "at 192.0.2.13, root, homeless\n");
  const id = /\d+/.exec(unit)?.[0];
  assert.equal(await host.stat(`${workspace}/${id}`), "744 root:root");
  assert.equal(
    await host.read(`${workspace}/${id}`),
    script.replace("$private_ipv4", "192.0.2.13"),
  );
});

test("what is wrong is refused before anything is changed", async () => {
  await using host = await CloudHost.boot();
  await host.succeed(UNITS_BEFORE);
  const before = await host.places();
  const userData = (await everythingFor(host)).replace("command: stop", "command: strop");
  await host.succeed("rm -r /root/core* /root/elroy*");
  const { status, stderr } = await host.apply(userData);
  assert.equal(status, 1);
  assert.match(stderr, /strop/);
  const withoutRoot = (places: string) =>
    places.split("\n").filter((line) => !line.startsWith("/root "));
  assert.deepEqual(withoutRoot(await host.places()), withoutRoot(before));
});

/** Which processes the units started are. */
function mainPids(host: CloudHost): Promise<string> {
  return host.succeed("systemctl show -p MainPID etcd etcd2 flanneld fleet ours each@one");
}

/** A stand-in for GitHub, with so many keys for each user. */
function githubOf(users: Readonly<Record<string, number>>): string {
  return `
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
const counts = ${JSON.stringify({ ...users, "/mine": 1 })};
const tls = { cert: readFileSync("/srv/cert.pem"), key: readFileSync("/srv/key.pem") };
const server = createServer(tls, ({ url }, response) => {
  const name = /^\\/users\\/(\\w+)\\/keys$/.exec(url)?.[1] ?? url;
  if (!(name in counts)) response.statusCode = 404;
  const keys = Array.from({ length: counts[name] ?? 0 }, (_, id) => ({ id, key: "${KEY} " + name + "-" + id }));
  response.end(JSON.stringify(keys));
});
server.listen(443, "127.0.0.1", () => execFileSync("systemd-notify", ["--ready"]));
`;
}

/** \`coreos.units.name\`, of everything written in a cloud-config. */
function keysOf(value: unknown, path: readonly string[] = []): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysOf(item, path));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, key.replaceAll("-", "_")];
    return [here.join("."), ...keysOf(inner, here)];
  });
}

function keysOfShape(shape: Shape, path: readonly string[] = []): readonly string[] {
  if (shape.kind === "list") return keysOfShape(shape.of, path);
  if (shape.kind !== "map") return [];
  const ignored = shape.ignored.map((key) => [...path, key].join("."));
  return [
    ...ignored,
    ...Object.entries(shape.keys).flatMap(([key, inner]) => {
      const here = [...path, key];
      return [here.join("."), ...keysOfShape(inner, here)];
    }),
  ];
}
