import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import { unitHash } from "#unitfile/unit-hash.ts";

const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

const FANCY = `# leading comment
[Unit]
Description=Fancy   unit  with spaces   
After=network.target foo.service
After=bar.service
; semicolon comment

[Service]
Environment="A=1" "B=two words"
Environment=
Environment=C=%n
ExecStartPre=/bin/true
ExecStart=/bin/sh -c '\\
  echo one; \\
  exec /bin/sleep infinity'
Restart=always

[Install]
WantedBy=multi-user.target

[X-Fleet]
Conflicts=zzz*
MachineMetadata=az=a
`;

const TEMPLATE = `[Unit]
Description=Template instance %i

[Service]
ExecStart=/bin/sh -c 'echo instance %i on %H; exec /bin/sleep infinity'
`;

// Hashes that fleet 1.0 gave these files.
const CASES: readonly (readonly [hash: string, file: string])[] = [
  ["5a27163850df791bce0280edef5ce122aa091be2", `[Unit]\nDescription=Foo sleeper\n\n${SLEEP}`],
  ["5d329c92d46dd968d203be796a29891f67798d64", `[Unit]\nDescription=Bar sleeper\n\n${SLEEP}`],
  ["c8a02c9a04e24013e690eecbe347357609ca93b3", TEMPLATE],
  ["a40db9b", FANCY],
  ["b604c41", `[Unit]\nDescription=Global sleeper\n\n${SLEEP}\n[X-Fleet]\nGlobal=true\n`],
  ["ab9a2fc", `${SLEEP}\n[X-Fleet]\nGlobal=true\nMachineMetadata=az=a\n`],
  [
    "0f4f799",
    `${SLEEP}\n[X-Fleet]\nMachineMetadata="az=a" "region=lab"\nMachineMetadata=role=node2\nMachineMetadata=role=node1\n`,
  ],
  ["8bea13e", `${SLEEP}\n[X-Fleet]\nX-Conflicts=oldx2.service\nX-ConditionMachineMetadata=az=b\n`],
  ["06fb8d2", `${SLEEP}\n[X-Fleet]\nMachineID=22222222000000000000000000f1ee72\n`],
  ["9d65404", `${SLEEP}\n[X-Fleet]\nMachineID=99999999000000000000000000000000\n`],
  ["338fd86", `${SLEEP}\n[X-Fleet]\nMachineMetadata=role=node2\n`],
  ["f797897", `${SLEEP}\n[X-Fleet]\nMachineMetadata=role=nope\n`],
  ["97a1ce5", `${SLEEP}\n[X-Fleet]\nMachineOf=foo.service\n`],
  ["d1e49d7", `${SLEEP}\n[X-Fleet]\nMachineOf=nonexist.service\n`],
  ["5f46aca", `${SLEEP}\n[X-Fleet]\nGlobal=maybe\n`],
  ["3fcda72", `${SLEEP}\n[X-Fleet]\nFoo=bar\n`],
  ["1fa41b0", "[Service]\nExecStart=/bin/false\n"],
  ["db16ed1", "[Service]\nExecStart=/no/such/binary\n"],
  ["42943d6", "[Service]\nDescription=no ExecStart\n"],
  ["b563664", "[Service]\nType=oneshot\nExecStart=/bin/true\n"],
  ["76e106d", "[Timer]\nOnCalendar=hourly\nUnit=oneshot.service\n"],
];

for (const [hash, text] of CASES) {
  test(`unitHash() gives ${hash} as fleet does`, () => {
    const actual = unitHash(parseUnitFile(text, "x.service").options);
    assert.equal(actual.slice(0, hash.length), hash);
  });
}
