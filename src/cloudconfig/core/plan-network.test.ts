import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAction } from "./action.ts";
import { planCloudConfig } from "./plan.ts";
import type { NetworkSettings } from "./plan-network.ts";

const NETWORK: NetworkSettings = {
  files: [
    { name: "00-bond0.netdev", content: "[NetDev]\n" },
    { name: "01-eth0.network", content: "[Match]\n" },
  ],
  modules: [
    { name: "8021q", options: "" },
    { name: "bonding", options: "mode=4  miimon=100" },
    { name: "dummy", options: ["numdummies=0"] },
  ],
  interfaces: ["bond0", "eth0"],
};
const FILES = [
  "write /run/systemd/network/00-bond0.netdev (0644)",
  "write /run/systemd/network/01-eth0.network (0644)",
];
const SWITCH = [
  "take interface bond0 down",
  "take interface eth0 down",
  "load kernel module 8021q",
  "load kernel module bonding mode=4 miimon=100",
  "load kernel module dummy numdummies=0",
  "restart systemd-networkd.service",
];

test("planCloudConfig() writes networkd's files, readies the kernel and restarts networkd", () => {
  const { actions } = planCloudConfig({}, { metadata: {} }, { network: NETWORK });
  assert.deepEqual(actions.map(describeAction), [
    ...FILES,
    "reload systemd's unit files",
    ...SWITCH,
  ]);
  const network = { files: [], modules: [], interfaces: [] };
  assert.deepEqual(planCloudConfig({}, { metadata: {} }, { network }).actions, []);
});

test("planCloudConfig() sets the network up once, between the files and the units' commands", () => {
  const config = {
    hostname: "h",
    users: [{ name: "u" }],
    write_files: [{ path: "/f" }],
    coreos: {
      units: [
        { name: "a.service", command: "start" },
        { name: "5-own.network", content: "[Match]\n" },
      ],
    },
  } as const;
  const { actions } = planCloudConfig(config, { metadata: {} }, { network: NETWORK });
  assert.deepEqual(actions.map(describeAction), [
    "set hostname h",
    "create user u",
    "write /f (0644)",
    ...FILES,
    "write /etc/systemd/network/5-own.network (0644)",
    "reload systemd's unit files",
    ...SWITCH,
    "start a.service",
  ]);
});
