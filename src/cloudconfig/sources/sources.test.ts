import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { FILE_SCENARIOS, type FileScenario } from "./file-scenarios-for-tests.ts";
import { startFakeService } from "./metadata-service-for-tests.ts";
import type { SourceChoice } from "./open-sources.ts";
import { SCENARIOS, type Scenario } from "./scenarios-for-tests.ts";
import type { UserDataSource } from "./source.ts";
import { openSource } from "./source-choice-for-tests.ts";

const signal = new AbortController().signal;

/** What the original answers, recorded from its datasource packages; OpenStack's service it does not know. */
interface Recorded {
  readonly available: boolean;
  /** Null: it fails. */
  readonly userData: string | null;
  /** Null: it fails. */
  readonly metadata: object | null;
  readonly requests?: readonly string[];
}

const RECORDED = JSON.parse(
  await readFile(new URL("recorded.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Recorded>>;

const CHOICES: Readonly<Record<(Scenario | FileScenario)["source"], keyof SourceChoice>> = {
  ec2: "ec2Metadata",
  gce: "gceMetadata",
  digitalocean: "digitalOceanMetadata",
  packet: "packetMetadata",
  openstack: "openStackMetadata",
  configdrive: "configDrive",
  waagent: "waagent",
  ovf: "vmwareOvfEnv",
};

async function ask(source: UserDataSource): Promise<Recorded> {
  const { available } = await source.availability(signal);
  const failed = (error: unknown) => {
    assert.match(String(error), /^Fault: Cannot /);
    return null;
  };
  const octets = await source.fetchUserData(signal).catch(failed);
  const metadata = await source.fetchMetadata(signal).catch(failed);
  return { available, userData: octets && new TextDecoder().decode(octets), metadata };
}

for (const { name, source, routes } of SCENARIOS)
  test(`the ${source} source reads ${name} as the original, by the same requests`, async () => {
    const needs = source === "gce" ? { "metadata-flavor": "Google" } : {};
    await using service = await startFakeService(routes, needs);
    const chosen = await openSource({ [CHOICES[source]]: service.url }, { clock: systemClock });
    assert.deepEqual({ ...(await ask(chosen)), requests: service.requests }, RECORDED[name]);
  });

for (const { name, source, files } of FILE_SCENARIOS)
  test(`the ${source} source reads ${name} as the original`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "keelson-"));
    t.after(() => rm(directory, { recursive: true }));
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    const place = source === "ovf" ? join(directory, "ovf-env.xml") : directory;
    const chosen = await openSource({ [CHOICES[source]]: place }, { clock: systemClock });
    assert.deepEqual(await ask(chosen), RECORDED[name]);
  });

test("every scenario is recorded, and each once", () => {
  const names = [...SCENARIOS, ...FILE_SCENARIOS].map(({ name }) => name);
  assert.deepEqual(names, Object.keys(RECORDED));
});

test("a drive's description of the network may not lie outside of the drive", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "drive/openstack/latest"), { recursive: true });
  await writeFile(join(directory, "secret"), "secret");
  await writeFile(
    join(directory, "drive/openstack/latest/meta_data.json"),
    '{"network_config": {"content_path": "../../secret"}}',
  );
  const source = await openSource(
    { configDrive: join(directory, "drive") },
    { clock: systemClock },
  );
  assert.equal((await source.fetchMetadata(signal)).networkConfig, "");
});

test("base64 that Azure's agent leaves as it came is undone, other user-data is not", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(directory, { recursive: true }));
  const source = await openSource({ waagent: directory }, { clock: systemClock });
  for (const { data, becomes } of [
    { data: btoa("#cloud-config\nhostname: a\n"), becomes: "#cloud-config\nhostname: a\n" },
    { data: `${btoa("#!/bin/sh\ntrue")}\n`, becomes: "#!/bin/sh\ntrue" },
    { data: "#cloud-config\n", becomes: "#cloud-config\n" },
    { data: "abcd", becomes: "abcd" },
    { data: "", becomes: "" },
  ]) {
    await writeFile(join(directory, "CustomData"), data);
    assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), becomes);
  }
});
