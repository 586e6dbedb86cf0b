import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describeAction, type WriteAction } from "./action.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { planCloudConfig } from "./plan.ts";
import { readCloudConfig } from "./read-cloud-config.ts";

const FACTS: MachineFacts = { currentHostname: "now", metadata: {} };

function plan(yaml: string, facts = FACTS) {
  const { config, problems } = readCloudConfig(yaml, facts, gunzipSync);
  assert.deepEqual(problems, []);
  assert.ok(config);
  return planCloudConfig(config, facts);
}
function described(yaml: string, facts = FACTS): string[] {
  return plan(yaml, facts).actions.map(describeAction);
}
function written(yaml: string, path: string, facts = FACTS): string | undefined {
  const isIt = (a: { kind: string; path?: string }): a is WriteAction =>
    a.kind === "write" && a.path === path;
  return plan(yaml, facts).actions.find(isIt)?.content;
}

for (const { name, yaml, facts, is } of [
  { name: "nothing, of nothing", yaml: "", is: [] },
  {
    name: "files before units, the reload between, the commands last and as listed",
    yaml: `
coreos:
  units:
    - {name: b.service, command: start, enable: true, content: "[Unit]"}
    - {name: a.service, command: stop, runtime: true, content: "[Unit]"}
  etcd2: {name: x}
write_files:
  - {path: etc//motd, permissions: 644, owner: "root:root"}
hostname: h
`,
    is: [
      "set hostname h",
      "write /etc/motd (0644, owner root:root)",
      "write /etc/systemd/system/b.service (0644)",
      "write /run/systemd/system/a.service (0644)",
      "write /run/systemd/system/etcd2.service.d/20-cloudinit.conf (0644)",
      "enable b.service",
      "reload systemd's unit files",
      "start b.service",
      "stop a.service",
    ],
  },
  {
    name: "systemd's reload for unit files among the files too",
    yaml: "write_files: [{path: /etc/systemd/system/a.service}]",
    is: ["write /etc/systemd/system/a.service (0644)", "reload systemd's unit files"],
  },
  {
    name: "only commands, of units that are there",
    yaml: "coreos: {units: [{name: a.service, command: restart}]}",
    is: ["restart a.service"],
  },
  {
    name: "masks and their end",
    yaml: "coreos: {units: [{name: a.service, mask: true, content: x}, {name: b.service, runtime: true}]}",
    is: [
      "mask /etc/systemd/system/a.service",
      "unmask /run/systemd/system/b.service",
      "reload systemd's unit files",
    ],
  },
  {
    name: "network files, and systemd-networkd's restart before other commands",
    yaml: "coreos: {units: [{name: a.service, command: start}, {name: 10-x.network, content: x, enable: true, command: start}]}",
    is: [
      "write /etc/systemd/network/10-x.network (0644)",
      "reload systemd's unit files",
      "restart systemd-networkd.service",
      "start a.service",
    ],
  },
  {
    name: "an update strategy",
    yaml: "coreos: {update: {reboot-strategy: etcd-lock, group: beta}}",
    is: [
      "write /etc/coreos/update.conf (0644)",
      "unmask /run/systemd/system/locksmithd.service",
      "reload systemd's unit files",
      "restart locksmithd.service",
      "restart update-engine.service",
    ],
  },
  {
    name: "no reboots",
    yaml: "coreos: {update: {reboot-strategy: off}}",
    is: [
      "write /etc/coreos/update.conf (0644)",
      "mask /run/systemd/system/locksmithd.service",
      "reload systemd's unit files",
      "stop locksmithd.service",
    ],
  },
  {
    name: "the last of several writes to one path",
    yaml: "write_files: [{path: /a, content: x}, {path: /b}, {path: ./a, permissions: '0600'}]",
    is: ["write /b (0644)", "write /a (0600)"],
  },
  {
    name: "the provider's hostname",
    yaml: "",
    facts: { hostname: "given", metadata: {} },
    is: ["set hostname given"],
  },
])
  test(`planCloudConfig() plans ${name}`, () => {
    assert.deepEqual(described(yaml, facts ?? FACTS), is);
  });

const ETCD2_DROP_IN = "/run/systemd/system/etcd2.service.d/20-cloudinit.conf";
const FLEET_DROP_IN = "/run/systemd/system/fleet.service.d/20-cloudinit.conf";

for (const { name, yaml, path, facts, is } of [
  {
    name: "a daemon's settings as its environment",
    yaml: "coreos: {etcd2: {proxy: on, listen-client-urls: 'http://a,http://b', discovery: '', debug: no}}",
    path: ETCD2_DROP_IN,
    is: '[Service]\nEnvironment="ETCD_DEBUG=false"\nEnvironment="ETCD_LISTEN_CLIENT_URLS=http://a,http://b"\nEnvironment="ETCD_PROXY=on"\n',
  },
  {
    name: "quotes, backslashes and line ends escaped, specifiers not",
    yaml: 'coreos: {etcd2: {name: "%m \\"a\\\\ \\nb\\n"}}',
    path: ETCD2_DROP_IN,
    is: '[Service]\nEnvironment="ETCD_NAME=%m \\"a\\\\ \\nb"\n',
  },
  {
    name: "the provider's metadata behind the file's own",
    yaml: "coreos: {fleet: {metadata: 'z=1, role=own'}}",
    path: FLEET_DROP_IN,
    facts: { metadata: { role: "given", disk: "ssd 50%", area: "b" } },
    is: '[Service]\nEnvironment="FLEET_METADATA=z=1,role=own,area=b,disk=ssd 50%%"\n',
  },
  {
    name: "the provider's metadata alone",
    yaml: "",
    path: FLEET_DROP_IN,
    facts: { metadata: { role: "worker" } },
    is: '[Service]\nEnvironment="FLEET_METADATA=role=worker"\n',
  },
  {
    name: "update settings into the file that is there",
    yaml: "coreos: {update: {group: beta, server: s}}",
    path: "/etc/coreos/update.conf",
    facts: { metadata: {}, updateConf: "GROUP=stable\nX=1\n" },
    is: "GROUP=beta\nX=1\nSERVER=s\n",
  },
  {
    name: "the addresses that /etc/environment lacks",
    yaml: "",
    path: "/etc/environment",
    facts: { metadata: {}, publicIpv4: "1.2.3.4", environmentFile: "A=1" },
    is: "A=1\nCOREOS_PUBLIC_IPV4=1.2.3.4\n",
  },
  {
    name: "no address that /etc/environment has",
    yaml: "",
    path: "/etc/environment",
    facts: { metadata: {}, publicIpv4: "1.2.3.4", environmentFile: "COREOS_PUBLIC_IPV4='1.2.3.4'" },
    is: undefined,
  },
  {
    name: "no address into an /etc/environment that the file gives",
    yaml: "write_files: [{path: /etc/environment, content: own}]",
    path: "/etc/environment",
    facts: { metadata: {}, publicIpv4: "1.2.3.4" },
    is: "own",
  },
  {
    name: "the hostname into /etc/hosts",
    yaml: "hostname: h\nmanage_etc_hosts: localhost",
    path: "/etc/hosts",
    is: "127.0.0.1 localhost h\n",
  },
  {
    name: "flannel's options",
    yaml: "coreos: {flannel: {interface: eth0, etcd_prefix: /x}}",
    path: "/run/flannel/options.env",
    is: "FLANNELD_ETCD_PREFIX=/x\nFLANNELD_IFACE=eth0\n",
  },
  {
    name: "who made the machine",
    yaml: "coreos: {oem: {id: acme, name: 'The \"Acme\"', version-id: 1.0}}",
    path: "/etc/oem-release",
    is: 'ID=acme\nVERSION_ID=1.0\nNAME="The \\"Acme\\""\nHOME_URL=""\nBUG_REPORT_URL=""\n',
  },
  {
    name: "octets that are no text as base64",
    yaml: "write_files: [{path: /a, content: !!binary /wA=}]",
    path: "/a",
    is: "/wA=",
  },
])
  test(`planCloudConfig() writes ${name}`, () => {
    assert.equal(written(yaml, path, facts ?? FACTS), is);
  });

const pathText = fc
  .array(fc.constantFrom("..", ".", "a", "b.service", "", "etc"), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join("/"));
const anyConfig = fc.record({
  write_files: fc.array(fc.record({ path: pathText, content: fc.string() }), { maxLength: 3 }),
  coreos: fc.record({
    units: fc.array(
      fc.record({
        name: fc.oneof(pathText, fc.constantFrom("a.service", "..service", "b@1.service")),
        content: fc.string(),
        runtime: fc.boolean(),
        mask: fc.boolean(),
        "drop-ins": fc.array(
          fc.record({ name: fc.oneof(pathText, fc.constant("a.conf")), content: fc.constant("x") }),
          { maxLength: 2 },
        ),
      }),
      { maxLength: 3 },
    ),
  }),
});

test("planCloudConfig() names only absolute paths that stay below the root, whatever is asked for", () => {
  fc.assert(
    fc.property(anyConfig, (asked) => {
      const { config } = readCloudConfig(JSON.stringify(asked), FACTS, gunzipSync);
      for (const action of config ? planCloudConfig(config, FACTS).actions : []) {
        if (!("path" in action)) continue;
        assert.equal(action.path, posix.resolve("/", action.path));
        assert.notEqual(action.path, "/");
      }
    }),
    { numRuns: 1000 },
  );
});

test("planCloudConfig() has one step for each path, so that doing all again finds nothing to do", () => {
  fc.assert(
    fc.property(anyConfig, (asked) => {
      const { config } = readCloudConfig(JSON.stringify(asked), FACTS, gunzipSync);
      const { actions } = planCloudConfig(config ?? {}, FACTS);
      const paths = actions.flatMap((action) => ("path" in action ? [action.path] : []));
      assert.deepEqual(paths, [...new Set(paths)]);
    }),
  );
});

for (const { name, units, is } of [
  {
    name: "a mask after content",
    units: "{name: a.service, content: x}, {name: a.service, mask: true}",
    is: ["mask /etc/systemd/system/a.service"],
  },
  {
    name: "content after a mask",
    units: "{name: a.service, mask: true}, {name: a.service, content: x}",
    is: ["write /etc/systemd/system/a.service (0644)"],
  },
  {
    name: "content that an unmask leaves",
    units: "{name: a.service, runtime: true, content: x}, {name: a.service, runtime: true}",
    is: ["write /run/systemd/system/a.service (0644)"],
  },
  {
    name: "an unmask after a mask",
    units: "{name: a.service, runtime: true, mask: true}, {name: a.service, runtime: true}",
    is: ["unmask /run/systemd/system/a.service"],
  },
  {
    name: "both masks, for good and until reboot",
    units: "{name: a.service, runtime: true, mask: true}, {name: a.service, mask: true}",
    is: ["mask /run/systemd/system/a.service", "mask /etc/systemd/system/a.service"],
  },
])
  test(`planCloudConfig() keeps ${name}`, () => {
    const yaml = `coreos: {units: [${units}]}`;
    assert.deepEqual(described(yaml), [...is, "reload systemd's unit files"]);
  });

test("planCloudConfig() gives the same plan for the same text", () => {
  fc.assert(
    fc.property(anyConfig, (asked) => {
      const once = readCloudConfig(JSON.stringify(asked), FACTS, gunzipSync);
      const again = readCloudConfig(JSON.stringify(asked), FACTS, gunzipSync);
      assert.deepEqual(once, again);
      if (once.config && again.config)
        assert.deepEqual(planCloudConfig(once.config, FACTS), planCloudConfig(again.config, FACTS));
    }),
  );
});
