import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { startFakeService } from "./metadata-service-for-tests.ts";
import { openSource } from "./source-choice-for-tests.ts";

const signal = new AbortController().signal;

interface Guest {
  readonly vendor: string;
  /** Which program of open-vm-tools it has. */
  readonly program?: "vmware-rpctool" | "vmtoolsd";
  /** guestinfo variables. */
  readonly values?: Readonly<Record<string, string>>;
}

/** A machine root and a PATH with a program on it that answers as VMware's do. */
async function makeGuest(t: TestContext, { vendor, program, values = {} }: Guest) {
  const directory = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "sys/class/dmi/id"), { recursive: true });
  await writeFile(join(directory, "sys/class/dmi/id/sys_vendor"), `${vendor}\n`);
  if (program !== undefined) {
    const cases = Object.entries(values).map(
      ([key, value]) => `"info-get guestinfo.${key}") printf '%s\\n' '${value}' ;;`,
    );
    const path = join(directory, program);
    const command = program === "vmtoolsd" ? '[ "$1" = --cmd ] || exit 9; shift' : ":";
    await writeFile(
      path,
      `#!/bin/sh\n${command}\ncase "$1" in\n${cases.join("\n")}\n*) echo "No value found" >&2; exit 1 ;;\nesac\n`,
    );
    await chmod(path, 0o755);
  }
  const lines: string[] = [];
  const ground = {
    clock: systemClock,
    machineRoot: directory,
    env: { PATH: `${directory}:/nowhere` },
    report: (line: string) => lines.push(line),
  };
  return { source: await openSource({ vmwareGuestinfo: true }, ground), lines };
}

for (const program of ["vmware-rpctool", "vmtoolsd"] as const)
  test(`guestinfo variables are read by ${program}`, async (t) => {
    const { source, lines } = await makeGuest(t, {
      vendor: "VMware, Inc.",
      program,
      values: {
        hostname: "vm-7",
        "coreos.config.data": btoa("#cloud-config\n"),
        "coreos.config.data.encoding": "base64",
        "interface.0.role": "private",
        "interface.0.ip.0.address": "10.0.0.7/24",
      },
    });
    assert.deepEqual(await source.availability(signal), { available: true });
    assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), "#cloud-config\n");
    assert.deepEqual(await source.fetchMetadata(signal), {
      hostname: "vm-7",
      privateIpv4: "10.0.0.7",
      sshPublicKeys: {},
      networkConfig: { "interface.0.ip.0.address": "10.0.0.7/24" },
    });
    assert.ok(lines.includes("Using guestinfo variables"));
  });

test("an OVF environment among the guestinfo variables goes before the others", async (t) => {
  const document = `<Environment xmlns:oe="x"><PropertySection>
<Property oe:key="guestinfo.hostname" oe:value="from-ovf"/></PropertySection></Environment>`;
  const { source } = await makeGuest(t, {
    vendor: "VMware, Inc.",
    program: "vmware-rpctool",
    values: { ovfenv: document, hostname: "from-guestinfo" },
  });
  assert.equal((await source.fetchMetadata(signal)).hostname, "from-ovf");
});

test("user-data of VMware is fetched from its URL, and decoded", async (t) => {
  await using service = await startFakeService({ "/data": btoa("#!/bin/sh\n") });
  const { source } = await makeGuest(t, {
    vendor: "VMware, Inc.",
    program: "vmware-rpctool",
    values: { "coreos.config.url": `${service.url}data`, "coreos.config.data.encoding": "b64" },
  });
  assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), "#!/bin/sh\n");
  assert.deepEqual(service.requests, ["/data"]);
});

for (const { guest, reason } of [
  { guest: { vendor: "QEMU" }, reason: 'this machine is made by "QEMU", not VMware' },
  {
    guest: { vendor: "VMware, Inc." },
    reason: "there is neither vmware-rpctool nor vmtoolsd; install open-vm-tools",
  },
])
  test(`guestinfo is not available: ${reason}`, async (t) => {
    const { source } = await makeGuest(t, guest);
    assert.deepEqual(await source.availability(signal), { available: false, reason });
  });
