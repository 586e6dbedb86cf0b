// The units in share/systemd on a computer that systemd booted: user-data is applied where it is found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudHost } from "#test/cloud-config-host.ts";

const APPEARS_WITHIN_MS = 60_000;

const INSTALL = `
set -e
cp /opt/keelson/share/systemd/* /usr/lib/systemd/system/
printf '#!/bin/sh\\nKEELSON_SOURCE=1 exec /opt/keelson/bin/coreos-cloudinit "$@"\\n' > /usr/bin/coreos-cloudinit
chmod +x /usr/bin/coreos-cloudinit
systemctl daemon-reload
`;

const file = (content: string) => `#cloud-config
write_files:
  - path: /etc/who
    content: ${content}
  - path: /etc/${content}
`;

async function untilWho(host: CloudHost, content: string): Promise<void> {
  for (const endMs = performance.now() + APPEARS_WITHIN_MS; ; await sleep(50)) {
    const who = await host.read("/etc/who").catch(() => "");
    if (who === content) return;
    const told = () => host.run("journalctl --no-pager -n 50");
    assert.ok(performance.now() < endMs, `"${who}", not "${content}":\n${(await told()).stdout}`);
  }
}

test("at boot the image's cloud-config is applied, then the user's, also one that appears later", async () => {
  await using host = await CloudHost.boot();
  await host.succeed(INSTALL);
  await host.write("/usr/share/oem/cloud-config.yml", file("vendor"));
  await host.write("/var/lib/coreos-install/user_data", file("user"));
  await host.succeed("systemctl enable --now user-config.target");
  await untilWho(host, "user");
  assert.equal(await host.read("/etc/vendor"), "");
  const wanted = "/etc/systemd/system/multi-user.target.wants/user-config.target";
  await host.succeed(`test -L ${wanted}`);

  const path = "/var/lib/coreos-vagrant/vagrantfile-user-data";
  const unit = await host.succeed(`systemd-escape -p --template=user-cloudinit@.path ${path}`);
  await host.succeed(`systemctl enable --now '${unit}'`);
  assert.equal(await host.read("/etc/who"), "user");
  await host.write(path, file("late"));
  await untilWho(host, "late");
});

/** EC2's metadata service where machines look for it, in the computer's own network. */
const METADATA_SERVICE = `
const answers = {
  "/2009-04-04/": "meta-data\\n",
  "/2009-04-04/user-data": ${JSON.stringify(file("cloud").replace("content: cloud", "content: $private_ipv4"))},
  "/2009-04-04/meta-data/public-keys": "0=mine",
  "/2009-04-04/meta-data/public-keys/0/openssh-key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPk9WPDx3bGVeFVbIYD6r0gnBcFwYuTnv5AkN7aOL8f me\\n",
  "/2009-04-04/meta-data/hostname": "cloudy.example.com cloudy",
  "/2009-04-04/meta-data/local-ipv4": "10.9.8.7",
};
require("node:http").createServer((request, response) => {
  const answer = answers[request.url];
  response.writeHead(answer === undefined ? 404 : 200).end(answer);
}).listen(80, "169.254.169.254");
`;

test("in a cloud its metadata is waited for and applied, then a configuration drive", async () => {
  await using host = await CloudHost.boot();
  await host.succeed(INSTALL);
  await host.write("/root/service.js", METADATA_SERVICE);
  await host.succeed("systemctl start --no-block oem-cloudinit@ec2-compat.service");
  await host.succeed(
    "until journalctl -u oem-cloudinit@ec2-compat | grep 'is not available'; do sleep 0.1; done",
  );
  await host.succeed("ip link set lo up && ip address add 169.254.169.254/32 dev lo");
  await host.succeed(
    "systemd-run --unit=metadata /opt/keelson/node_modules/node/bin/node /root/service.js",
  );
  await untilWho(host, "10.9.8.7");
  await host.succeed("systemctl start oem-cloudinit@ec2-compat.service"); // it has ended, and well
  assert.equal(await host.succeed("hostname"), "cloudy.example.com");
  assert.match(await host.read("/home/core/.ssh/authorized_keys"), /^ssh-ed25519 \S+ me$/m);
  assert.match(await host.read("/etc/environment"), /^COREOS_PRIVATE_IPV4=10\.9\.8\.7$/m);

  await host.write("/media/configdrive/openstack/latest/user_data", file("drive"));
  await host.write("/media/configdrive/openstack/latest/meta_data.json", '{"hostname":"driven"}');
  await host.succeed("systemctl start user-configdrive.service");
  assert.equal(await host.read("/etc/who"), "drive");
  assert.equal(await host.succeed("hostname"), "driven");
});
