import assert from "node:assert/strict";
import { test } from "node:test";
import { hierarchiesIn, limitGroups, limitProperties } from "./container-limits.ts";

const MIXED = `30 1 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
35 1 0:31 / /mnt/elsewhere rw - cgroup cgroup rw,memory`;

const UNIFIED = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";

const none = () => [];
const all = () => ["cpuset", "cpu", "io", "memory", "pids"];

const written = (groups: ReturnType<typeof limitGroups>) =>
  typeof groups === "string"
    ? groups
    : groups.flatMap(({ hierarchy, files }) =>
        files.map(({ name, content }) => `${hierarchy.path}/${name}=${content}`),
      );

const CASES = [
  {
    name: "no limits need no group",
    mounts: MIXED,
    offered: none,
    equipment: {},
    writes: [],
  },
  {
    name: "version 1 has a hierarchy for each controller",
    mounts: MIXED,
    offered: none,
    equipment: { memoryBytes: 1024, cpus: 1.5 },
    writes: [
      "/sys/fs/cgroup/memory/memory.limit_in_bytes=1024",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us=100000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us=150000",
    ],
  },
  {
    name: "version 2 has one for all",
    mounts: UNIFIED,
    offered: all,
    equipment: { memoryBytes: 1024, cpus: 0.25 },
    writes: ["/sys/fs/cgroup/memory.max=1024", "/sys/fs/cgroup/cpu.max=25000 100000"],
  },
  {
    name: "the kernel takes no quota below a millisecond",
    mounts: UNIFIED,
    offered: all,
    equipment: { cpus: 0.001 },
    writes: ["/sys/fs/cgroup/cpu.max=1000 100000"],
  },
  {
    name: "a controller that is nowhere is named",
    mounts: UNIFIED,
    offered: () => ["cpu"],
    equipment: { memoryBytes: 1024, cpus: 1 },
    writes: "memory",
  },
];

for (const { name, mounts, offered, equipment, writes } of CASES)
  test(`limits of a machine: ${name}`, () => {
    const groups = limitGroups(hierarchiesIn(mounts, offered), { folders: [], ...equipment });
    assert.deepEqual(written(groups), writes);
  });

test("the same limits as properties of a scope", () => {
  assert.deepEqual(limitProperties({ folders: [] }), []);
  assert.deepEqual(limitProperties({ folders: [], memoryBytes: 2 ** 30, cpus: 0.333 }), [
    "MemoryMax=1073741824",
    "CPUQuota=33%",
  ]);
  assert.deepEqual(limitProperties({ folders: [], cpus: 0.001 }), ["CPUQuota=1%"]);
});
