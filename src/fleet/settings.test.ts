import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readFleetSettings } from "./settings.ts";

const ROOT = "/no/such/root";

function read(flags: Readonly<Record<string, string>>) {
  return readFleetSettings({ root: ROOT, configFile: undefined, flags, env: {} });
}

test("fleetd's settings default to the machine's root directory", async () => {
  const { api_advertise, etcd_key_prefix, units_directory } = await read({});
  assert.deepEqual(
    [api_advertise, etcd_key_prefix, units_directory],
    ["", "/_coreos.com/fleet", `${ROOT}/run/fleet/units`],
  );
});

const REFUSED: readonly (readonly [key: string, value: string, message: RegExp])[] = [
  ["api_advertise", "core-01:49153", /api_advertise.*http:\/\/HOST:PORT/],
  ["api_advertise", "unix:///run/fleet.sock", /api_advertise/],
  ["api_advertise", "https://core-01:49153", /api_advertise/],
  ["etcd_key_prefix", "/", /etcd_key_prefix.*below \//],
  ["etcd_key_prefix", "fleet", /etcd_key_prefix/],
  ["units_directory", "units", /units_directory.*begins with \//],
  ["agent_ttl", "500ms", /agent_ttl.*1000 ms/],
  ["bogus", "1", /--bogus/],
];
for (const [key, value, message] of REFUSED)
  test(`fleetd refuses --${key}=${value}`, async () => {
    await assert.rejects(read({ [key]: value }), { message });
  });

test("fleetd says in which line of its file a value is wrong, and which settings have no effect", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-settings-"));
  t.after(() => rm(directory, { recursive: true }));
  const configFile = join(directory, "fleet.conf");
  const readFile = async (text: string) => {
    await writeFile(configFile, text);
    return readFleetSettings({ root: ROOT, configFile, flags: {}, env: {} });
  };
  await assert.rejects(readFile("# mine\n\nagent_ttl=soon\n"), {
    message: `Cannot use agent_ttl from ${configFile}, line 3: expected a duration such as 6s or 500ms`,
  });
  const { unused } = await readFile("systemd_user=true\nverify_units=false\nenable_grpc=1\n");
  assert.deepEqual(unused, ["enable_grpc", "systemd_user"]);
});
