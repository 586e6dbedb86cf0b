// Descriptions of a network, from where a cloud puts them, become the network that systemd-networkd sets up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudHost } from "#test/cloud-config-host.ts";

/** An interface that is up already, and a stand-in for modprobe(8): a container loads no modules. */
const MACHINE = (name: string) => `
set -e
ip link add ${name} type veth peer name cable
ip link set ${name} up
ip link set cable up
cat > /usr/sbin/modprobe <<'END'
#!/bin/sh
echo "$*, ${name} is $(cat /sys/class/net/${name}/operstate)" >> /run/modules
END
chmod 755 /usr/sbin/modprobe`;

const INTERFACES = `auto lo
iface lo inet loopback

auto eth7
iface eth7 inet static
    address 10.77.0.2
    netmask 255.255.255.0
    gateway 10.77.0.1
    post-up route add -net 10.78.0.0 netmask 255.255.0.0 gw 10.77.0.9
`;

const BOND = `
auto bond7
iface bond7 inet manual
    bond-slaves eth8 eth9
    bond-mode 802.3ad
    bond-miimon 100
iface bond7.5 inet dhcp
    vlan_raw_device bond7
`;

test("a configuration drive's Debian interfaces are set up", async () => {
  await using host = await CloudHost.boot();
  await host.succeed(MACHINE("eth7"));
  await writeDrive(host, INTERFACES + BOND);
  const apply = "coreos-cloudinit --from-configdrive=/media/drive --convert-netconf=debian";
  await host.succeed(apply);
  assert.equal(await host.succeed("hostname"), "driven");
  const names = ["bond7.5.netdev", "bond7.5.network"].map((name) => `00-${name}`);
  names.push("00-eth7.network", "01-bond7.netdev", "01-bond7.network");
  names.push("02-eth8.network", "02-eth9.network");
  assert.equal(await host.succeed("ls /run/systemd/network"), names.join("\n"));
  await checkNetwork(host);
  assert.deepEqual((await host.read("/run/modules")).replaceAll("-- ", "").trimEnd().split("\n"), [
    "8021q, eth7 is down",
    "bonding miimon=100 mode=802.3ad, eth7 is down",
  ]);

  const before = await host.places();
  await host.succeed(apply);
  await checkNetwork(host);
  assert.equal(await host.places(), before);
});

test("a description that cannot be translated changes nothing", async () => {
  await using host = await CloudHost.boot();
  await writeDrive(host, `${INTERFACES}    gateway nowhere\n`);
  const before = await host.places();
  const { status, stderr } = await host.run(
    "coreos-cloudinit --from-configdrive=/media/drive --convert-netconf=debian",
  );
  assert.equal(status, 1);
  assert.match(stderr, /line 10: "nowhere" is no address/);
  assert.equal(await host.places(), before);
});

test("VMware's variables of an OVF environment are set up", async () => {
  await using host = await CloudHost.boot();
  await host.succeed(MACHINE("ens192"));
  const variables = {
    hostname: "driven",
    "coreos.config.data":
      "#cloud-config\nwrite_files:\n  - path: /srv/at\n    content: $public_ipv4",
    "interface.0.name": "ens192",
    "interface.0.role": "public",
    "interface.0.ip.0.address": "10.77.0.2/24",
    "interface.0.route.0.gateway": "10.77.0.1",
    "interface.0.route.0.destination": "0.0.0.0/0",
    "interface.0.route.1.gateway": "10.77.0.9",
    "interface.0.route.1.destination": "10.78.0.0/16",
  };
  const properties = Object.entries(variables).map(
    ([name, value]) =>
      `<Property oe:key="guestinfo.${name}" oe:value="${value.replaceAll("\n", "&#10;")}"/>`,
  );
  const namespace = "http://schemas.dmtf.org/ovf/environment/1";
  await host.write(
    "/srv/environment.xml",
    `<?xml version="1.0"?>
<Environment xmlns="${namespace}" xmlns:oe="${namespace}">
<PropertySection>${properties.join("\n")}</PropertySection>
</Environment>`,
  );
  await host.succeed(
    "coreos-cloudinit --from-vmware-ovf-env=/srv/environment.xml --convert-netconf=vmware",
  );
  await checkNetwork(host);
  assert.equal(await host.succeed("hostname"), "driven");
  assert.equal(await host.read("/srv/at"), "10.77.0.2");
  assert.match(await host.read("/etc/environment"), /^COREOS_PUBLIC_IPV4=10\.77\.0\.2$/m);
});

async function writeDrive(host: CloudHost, interfaces: string): Promise<void> {
  const drive = "/media/drive/openstack";
  await host.write(`${drive}/latest/user_data`, "#cloud-config\nhostname: driven\n");
  await host.write(
    `${drive}/latest/meta_data.json`,
    JSON.stringify({ hostname: "other", network_config: { content_path: "/content/0000" } }),
  );
  await host.write(`${drive}/content/0000`, interfaces);
}

/** The kernel has what was described. */
async function checkNetwork(host: CloudHost): Promise<void> {
  await host.until("ip -brief address show | grep -F 10.77.0.2/24");
  for (const route of ["default via 10.77.0.1", "10.78.0.0/16 via 10.77.0.9"])
    await host.until(`ip route show | grep -F "${route}"`);
}
