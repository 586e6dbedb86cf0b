import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { FAULTS, Fault } from "#base/fault.ts";
import { coreosCloudinit } from "#cli/coreos-cloudinit.ts";

const GOOD = "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: hi\n";
const BROKEN = "#cloud-config\nhostname: [\n";

/** What lies in the directory that the lines name as `@`. */
const FILES: Readonly<Record<string, string | Buffer>> = {
  good: GOOD,
  unknown: "#cloud-config\nhostnam: a\n",
  wrong: "#cloud-config\ncoreos:\n  units:\n    - name: a.service\n      command: strat\n",
  broken: BROKEN,
  text: "hello\n",
  script: "#!/bin/sh\ntrue\n",
  ign: '{"ignition":{"version":"2.0.0"}}',
  empty: "",
  "good.gz": gzipSync(GOOD),
  "bad.gz": Buffer.from([0x1f, 0x8b, 0]),
  "drive/openstack/latest/user_data": GOOD,
  "badmeta/openstack/latest/user_data": GOOD,
  "badmeta/openstack/latest/meta_data.json": "{",
  "metaonly/openstack/latest/meta_data.json": '{"public_keys":{}}',
  "both/openstack/latest/user_data": BROKEN,
  "both/openstack/latest/meta_data.json": "{}",
  "dir/file": "",
};

interface Line {
  readonly line: string;
  /** Of the original: recorded. */
  readonly status: number;
  /** Whether the original writes what `good` asks for. */
  readonly applies?: true;
  /** Where ours differs: its status, and why. */
  readonly ours?: readonly [status: number, why: string];
}

const LINES: readonly Line[] = [
  { line: "--from-file=@good", status: 0, applies: true },
  { line: "-from-file @good", status: 0, applies: true },
  { line: "--from-file=@good --validate", status: 0 },
  { line: "--from-file=@good --validate=true", status: 0 },
  { line: "--from-file=@good --validate=1", status: 0 },
  { line: "--from-file=@good -validate=T", status: 0 },
  { line: "--from-file=@good --validate=false", status: 0, applies: true },
  { line: "--from-file=@good --validate=maybe", status: 2 },
  { line: "--from-file=@good --validate=", status: 2 },
  { line: "--from-file=@unknown --validate", status: 1 },
  { line: "--from-file=@unknown", status: 0 },
  { line: "--from-file=@wrong --validate", status: 1 },
  { line: "--from-file=@broken --validate", status: 1 },
  { line: "--from-file=@broken", status: 1 },
  { line: "--from-file=@broken --ignore-failure", status: 0 },
  { line: "--from-file=@text --validate", status: 1 },
  { line: "--from-file=@text", status: 1 },
  { line: "--from-file=@text -ignore-failure", status: 0 },
  { line: "--from-file=@script --validate", status: 0 },
  { line: "--from-file=@ign", status: 0 },
  { line: "--from-file=@ign --validate", status: 0 },
  { line: "--from-file=@empty", status: 0 },
  { line: "--from-file=@empty --validate", status: 0 },
  { line: "--from-file=@good.gz", status: 0, applies: true },
  { line: "--from-file=@good.gz --validate", status: 0 },
  { line: "--from-file=@bad.gz", status: 1 },
  {
    line: "--from-file=@bad.gz --validate",
    status: 0,
    ours: [1, "what cannot be read is not valid"],
  },
  { line: "--from-file=@bad.gz --ignore-failure", status: 0 },
  { line: "--from-file=@dir", status: 1 },
  {
    line: "--from-file=@dir --validate",
    status: 0,
    ours: [1, "what cannot be read is not valid"],
  },
  { line: "--from-file=@broken --from-file=@good", status: 0, applies: true },
  { line: "--from-configdrive=@drive", status: 0, applies: true },
  { line: "--from-configdrive=@badmeta", status: 1 },
  { line: "--from-configdrive=@badmeta --ignore-failure", status: 1 },
  { line: "--from-configdrive=@metaonly", status: 0 },
  { line: "--from-configdrive=@both", status: 1 },
  { line: "--from-configdrive=@dir", status: 0 },
  { line: "--from-file= --from-configdrive=@drive", status: 0, applies: true },
  { line: "--from-vmware-ovf-env=@nothing", status: 1 },
  { line: "--from-proc-cmdline=false", status: 2 },
  { line: "", status: 2 },
  { line: "--version", status: 0 },
  { line: "-version", status: 0 },
  { line: "--version --oem=nothing", status: 2 },
  { line: "--oem=nothing", status: 2 },
  { line: "--oem=azure --version", status: 0 },
  { line: "--version --convert-netconf=nothing", status: 0 },
  { line: "--convert-netconf=nothing --from-file=@good", status: 2 },
  { line: "--from-file", status: 2 },
  { line: "--unknown", status: 2 },
  { line: "---from-file=@good", status: 2 },
  { line: "--=x", status: 2 },
  {
    line: "--from-url=file:///etc/passwd",
    status: 1,
    ours: [2, "what can never be fetched is not waited for"],
  },
  {
    line: "--from-ec2-metadata 169.254.169.254",
    status: 1,
    ours: [2, "what can never be fetched is not waited for"],
  },
  { line: "-", status: 2 },
  { line: "--", status: 2 },
  { line: "-- --from-file=@good", status: 2 },
  { line: "@good", status: 2 },
  { line: "@good --from-file=@good", status: 2 },
  {
    line: "--from-file=@good @broken",
    status: 0,
    applies: true,
    ours: [2, "a word too many is a mistake; the original does not read on from there"],
  },
  { line: "--help", status: 0 },
  { line: "-h", status: 0 },
  { line: "--from-file=@good --workspace=/var/lib/x -ssh-key-name y", status: 0, applies: true },
];

for (const { line, status, applies, ours } of LINES)
  test(`coreos-cloudinit ${line} ends as the original's${ours ? `, but for this: ${ours[1]}` : ""}`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "keelson-"));
    t.after(() => rm(directory, { recursive: true }));
    for (const [path, content] of Object.entries(FILES)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    const root = join(directory, "root");
    await mkdir(root);
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const args = line.split(" ").filter(Boolean);
    const ended = await coreosCloudinit(
      args.map((arg) => arg.replace("@", `${directory}/`)),
      {
        stdin: Readable.from([]),
        stdout,
        stderr,
        cwd: directory,
        signal: new AbortController().signal,
        env: { KEELSON_ROOT: root },
      },
    ).catch((error: unknown) => {
      assert.ok(error instanceof Fault, String(error));
      return FAULTS[error.code].exit;
    });
    stderr.end();
    assert.equal(ended, ours?.[0] ?? status, await text(stderr));
    const motd = await readFile(join(root, "etc/motd"), "utf8").catch(() => undefined);
    assert.equal(motd, applies && ours === undefined ? "hi" : undefined);
  });
