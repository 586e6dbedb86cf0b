import type { SchemaMachine } from "#fleet/core/schema.ts";

const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

/** The three machines of the recordings. */
export const MACHINES: readonly SchemaMachine[] = [
  machine("11111111000000000000000000f1ee71", "172.31.7.11", {
    az: "a",
    region: "lab",
    role: "node1",
  }),
  machine("22222222000000000000000000f1ee72", "172.31.7.12", {
    az: "a",
    region: "lab",
    role: "node2",
  }),
  machine("33333333000000000000000000f1ee73", "172.31.7.13", {
    az: "b",
    region: "lab",
    role: "node3",
  }),
];

/** The unit files of the recordings, by name. */
export const UNIT_FILES: Readonly<Record<string, string>> = {
  "foo.service": `[Unit]\nDescription=Foo sleeper\n\n${SLEEP}`,
  "bar.service": `[Unit]\nDescription=Bar sleeper\n\n${SLEEP}`,
  "t@.service":
    "[Unit]\nDescription=Template instance %i\n\n[Service]\nExecStart=/bin/sh -c 'echo instance %i on %H; exec /bin/sleep infinity'\n",
  "c@.service": `${SLEEP}\n[X-Fleet]\nConflicts=c@*.service\n`,
  "glob.service": `[Unit]\nDescription=Global sleeper\n\n${SLEEP}\n[X-Fleet]\nGlobal=true\n`,
  "globmeta.service": `${SLEEP}\n[X-Fleet]\nGlobal=true\nMachineMetadata=az=a\n`,
  "meta.service": `${SLEEP}\n[X-Fleet]\nMachineMetadata=role=node2\n`,
  "metanone.service": `${SLEEP}\n[X-Fleet]\nMachineMetadata=role=nope\n`,
  "metaand.service": `${SLEEP}\n[X-Fleet]\nMachineMetadata="az=a" "region=lab"\nMachineMetadata=role=node2\nMachineMetadata=role=node1\n`,
  "mo.service": `${SLEEP}\n[X-Fleet]\nMachineOf=foo.service\n`,
  "pin.service": `${SLEEP}\n[X-Fleet]\nMachineID=22222222000000000000000000f1ee72\n`,
  "pinbad.service": `${SLEEP}\n[X-Fleet]\nMachineID=99999999000000000000000000000000\n`,
  "oldx.service": `${SLEEP}\n[X-Fleet]\nX-Conflicts=oldx2.service\nX-ConditionMachineMetadata=az=b\n`,
  "fancy.service": [
    "# leading comment",
    "[Unit]",
    "Description=Fancy   unit  with spaces   ",
    "After=network.target foo.service",
    "After=bar.service",
    "; semicolon comment",
    "",
    "[Service]",
    'Environment="A=1" "B=two words"',
    "Environment=",
    "Environment=C=%n",
    "ExecStartPre=/bin/true",
    "ExecStart=/bin/sh -c '\\",
    "  echo one; \\",
    "  exec /bin/sleep infinity'",
    "Restart=always",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
    "[X-Fleet]",
    "Conflicts=zzz*",
    "MachineMetadata=az=a",
    "",
  ].join("\n"),
  "fail.service": "[Service]\nExecStart=/bin/false\n",
  "badshot.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
  "oneshot.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
  "noexec.service": "[Service]\nDescription=no ExecStart\n",
  "bad-globconf.service": `${SLEEP}\n[X-Fleet]\nGlobal=true\nMachineID=abc\n`,
  "bad-globmo.service": `${SLEEP}\n[X-Fleet]\nGlobal=true\nMachineOf=foo.service\n`,
  "bad-noeq.service": `${SLEEP}this line is junk\n`,
  "bad-nosection.service": "ExecStart=/bin/sleep infinity\n",
  "bad-section.service": "[Service\nExecStart=/bin/sleep infinity\n",
  "bad-xfleet.service": `${SLEEP}\n[X-Fleet]\nFoo=bar\n`,
  "empty.service": "",
  noext: SLEEP,
  "wrong.conf": SLEEP,
};

function machine(id: string, primaryIP: string, metadata: Record<string, string>): SchemaMachine {
  return { id, primaryIP, metadata };
}
