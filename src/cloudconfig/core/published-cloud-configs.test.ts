import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { describeAction } from "./action.ts";
import { planCloudConfig } from "./plan.ts";
import { describeProblem } from "./problem.ts";
import { readCloudConfig } from "./read-cloud-config.ts";

// Cloud-configs in the shapes that CoreOS's users published in talks, articles and repositories.
const FACTS = { privateIpv4: "172.17.8.101", publicIpv4: "172.17.8.101", metadata: {} };

const BASIC = `#cloud-config
---
coreos:
  etcd2:
    discovery: https://discovery.example/6a28
    advertise-client-urls: http://$private_ipv4:2379
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://0.0.0.0:2379
    listen-peer-urls: http://$private_ipv4:2380
  fleet:
    public-ip: "$public_ipv4"
  units:
  - name: etcd2.service
    command: start
  - name: fleet.service
    command: start
write_files:
- path: "/etc/hosts"
  permissions: '0644'
  owner: root
  content: |
    192.168.2.21 host.on.private.net
ssh_authorized_keys:
  - "ssh-rsa AAAAB3NzaC1yc2E..."
`;

const PXE = `#cloud-config
coreos:
  units:
    - name: etcd2.service
      command: start
    - name: fleet.service
      command: start
ssh_authorized_keys:
  - put your /root/.ssh/id_rsa.pub here
`;

const STATELESS = `#cloud-config
hostname: core-04
ssh_authorized_keys:
  - $SSH_KEY
coreos:
  etcd2:
    listen-client-urls: http://0.0.0.0:2379
    initial-cluster: "core-01=http://10.0.0.1:2380,core-02=http://10.0.0.2:2380"
    proxy: on
`;

const SEED = `#cloud-config
hostname: core-01
coreos:
  etcd2:
    name: core-01
    advertise-client-urls: http://10.0.0.1:2379
    listen-client-urls: http://0.0.0.0:2379
    initial-cluster: "core-01=http://10.0.0.1:2380"
    initial-cluster-state: new
`;

const BY_DNS = `#cloud-config
coreos:
  etcd2:
    listen-client-urls: http://0.0.0.0:2379
    discovery-srv: example.com
    proxy: on    
`;

const CONTROLLER = `#cloud-config

coreos:
  etcd:
    # a new token for each cluster
    discovery: https://discovery.example/token
    addr: $public_ipv4:4001
    peer-addr: $public_ipv4:7001
  fleet:
    public-ip: $public_ipv4
    metadata: role=controller
  units:
    - name: settimezone.service
      command: start
      content: |
        [Unit]
        Description=Set the timezone

        [Service]
        ExecStart=/usr/bin/timedatectl set-timezone Asia/Seoul
        RemainAfterExit=yes
        Type=oneshot
    - name: docker-tcp.socket
      command: start
      enable: yes
      content: |
        [Socket]
        ListenStream=2375
        Service=docker.service

        [Install]
        WantedBy=sockets.target
`;

const CONTROL = `#cloud-config
coreos:
  fleet:
    etcd_servers: http://127.0.0.1:2379
    metadata: role=control
  etcd2:
    name: etcd2
    discovery: $token_url
  update:
    group: alpha
    reboot-strategy: reboot
`;

for (const [name, text, has] of [
  ["the basic cluster", BASIC, ["write /etc/hosts (0644, owner root)", "start fleet.service"]],
  ["booting over the network", PXE, ["start etcd2.service", "start fleet.service"]],
  ["a stateless node", STATELESS, ["set hostname core-04"]],
  ["the seed of a cluster", SEED, ["set hostname core-01"]],
  ["discovery by DNS", BY_DNS, ["reload systemd's unit files"]],
  [
    "a controller",
    CONTROLLER,
    ["write /etc/systemd/system/settimezone.service (0644)", "enable docker-tcp.socket"],
  ],
  ["a control node", CONTROL, ["write /etc/coreos/update.conf (0644)"]],
] as const)
  test(`the published cloud-config of ${name} is planned`, () => {
    const { config, problems } = readCloudConfig(text, FACTS, gunzipSync);
    const told = problems.filter(({ message }) => !message.startsWith('deprecated key "etcd" '));
    assert.deepEqual(told, []);
    assert.ok(config);
    const described = planCloudConfig(config, FACTS).actions.map(describeAction);
    for (const action of has) assert.ok(described.includes(action), described.join("\n"));
  });

// A slide's YAML, its indentation lost on the way to the slide.
const SLIDE = `#cloud-config
  etcd2:
   discovery: "https://discovery.example/token"
    advertise-client-urls: "http://$public_ipv4:2379"
    initial-advertise-peer-urls: "http://$private_ipv4:2380"
   listen-client-urls: "http://0.0.0.0:2379"
  fleet:
    public-ip: "$public_ipv4"
   metadata: "region=us-west"
ssh_authorized_keys:
  - "ssh-rsa AAAA"
`;

// An article's, with no indentation left and typographic dashes.
const ARTICLE = `#cloud-config
coreos:
fleet:
etcd_servers: http://127.0.0.1:2379
units:
– name: etcd2.service
`;

const INDENTED =
  "it is indented differently from the keys before it; keys of one level start in the same column";

for (const [name, text, is] of [
  [
    "a slide",
    SLIDE,
    [
      "line 4: error: did not find expected key",
      `    advertise-client-urls: ${INDENTED}`,
      `line 5: error: initial-advertise-peer-urls: ${INDENTED}`,
      `line 9: error: metadata: ${INDENTED}`,
    ],
  ],
  [
    "an article",
    ARTICLE,
    [
      'line 2: warning: incorrect type for "coreos" (want struct)',
      "    coreos: it has no value and counts as not written; give it one or remove it",
      'line 3: warning: unrecognized key "fleet"',
      "    fleet: it belongs under coreos, indented",
      'line 4: warning: unrecognized key "etcd_servers"',
      "    etcd_servers: it is passed over; known here: hostname, manage_etc_hosts, ssh_authorized_keys, users, write_files, coreos",
      'line 5: warning: unrecognized key "units"',
      "    units: it belongs under coreos, indented",
      'line 6: warning: unrecognized key "– name"',
      '    – name: it begins with a dash that is not a hyphen: a list item begins with "- "',
    ],
  ],
] as const)
  test(`the broken cloud-config of ${name} is explained line by line`, () => {
    const { problems } = readCloudConfig(text, FACTS, gunzipSync);
    const told = problems.flatMap((problem) => describeProblem(problem).split("\n"));
    assert.deepEqual(told, is);
  });
