// Units that run OCI containers, on machines whose disk has podman.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openContainerCluster } from "#test/support/container-cluster.ts";

/** An image with nothing but a shell. */
const MAKE_IMAGE = `set -e
mkdir -p /tmp/image/bin
cp /bin/busybox /tmp/image/bin/
ln -s busybox /tmp/image/bin/sh
ln -s busybox /tmp/image/bin/httpd
tar -C /tmp/image -c . | podman import - busybox:test`;

const UNIT = `[Service]
ExecStartPre=-/usr/bin/podman rm --force web
ExecStart=/usr/bin/podman run --rm --name web --network=host busybox:test httpd -f -p 8080 -h /
ExecStop=/usr/bin/podman stop --time 2 web
Restart=on-failure
SuccessExitStatus=137 143
`;

test("a unit runs an image with podman, and stops it", async () => {
  await using cluster = await openContainerCluster({
    count: 1,
    equipment: () => ({ folders: [], packages: ["podman", "busybox-static"] }),
  });
  await cluster.boot();
  await cluster.succeed("core-01", MAKE_IMAGE);
  await cluster.succeed("core-01", `cat > /etc/systemd/system/web.service << 'EOF'\n${UNIT}EOF`);
  await cluster.succeed("core-01", "systemctl daemon-reload; systemctl start web");
  const answer =
    "for attempt in $(seq 100); do curl -sf localhost:8080/bin/ -o /dev/null; [ $? = 22 ] && break; sleep 0.2; done; podman ps --format '{{.Names}} {{.Image}}'; systemctl is-active web";
  assert.equal(await cluster.succeed("core-01", answer), "web localhost/busybox:test\nactive\n");
  await cluster.succeed("core-01", "systemctl stop web");
  assert.equal((await cluster.run("core-01", "systemctl is-failed web")).stdout, "inactive\n");
  assert.equal(await cluster.succeed("core-01", "podman ps --noheading"), "");
  assert.match(
    await cluster.succeed("core-01", "podman info --format '{{.Store.GraphDriverName}}'"),
    /overlay/,
  );
});
