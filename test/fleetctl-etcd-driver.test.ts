import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { startMember } from "#keys/member-for-tests.ts";
import { freePort } from "#keys/real-etcd.ts";
import { runFleetctl, unitDirectory } from "./fleetctl-run.ts";
import { UNIT_FILES } from "./fleetctl-units.ts";

/** As the original's fleetctl writes it, recorded; no daemon runs in this test. */
const MACHINE = {
  path: "machines/11111111000000000000000000f1ee71/object",
  value:
    '{"ID":"11111111000000000000000000f1ee71","PublicIP":"172.31.7.11","Metadata":{"role":"node1"},"Capabilities":{"DISABLE_ENGINE":false,"GRPC":false},"Version":"1.0.0"}',
};

/** Where gateways have their sockets. */
async function gateways(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("keelson-gateway-"));
}

test("fleetctl --driver=etcd works on the store alone, and leaves nothing behind", async (t) => {
  const before = await gateways();
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const directory = await unitDirectory(UNIT_FILES);
  t.after(() => directory[Symbol.asyncDispose]());
  const prefix = "/elsewhere/fleet";
  const at = `${store.clientUrl}/v2/keys${prefix}`;
  await fetch(`${at}/${MACHINE.path}`, {
    method: "PUT",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: `value=${encodeURIComponent(MACHINE.value)}`,
  });
  const fleetctl = (...words: string[]) =>
    runFleetctl(words, {
      cwd: directory.path,
      env: {
        FLEETCTL_DRIVER: "etcd",
        FLEETCTL_ENDPOINT: store.clientUrl,
        FLEETCTL_ETCD_KEY_PREFIX: prefix,
      },
    });
  const value = async (key: string) =>
    ((await (await fetch(`${at}/${key}`)).json()) as { node?: { value?: string } }).node?.value;

  assert.deepEqual(await fleetctl("list-machines"), {
    stdout: "MACHINE\t\tIP\t\tMETADATA\n11111111...\t172.31.7.11\trole=node1\n",
    stderr: "",
    exit: 0,
  });
  assert.equal((await fleetctl("start", "--no-block", "foo")).exit, 0);
  assert.equal(await value("job/foo.service/target-state"), "launched");
  assert.match(
    (await value("job/foo.service/object")) ?? "",
    /^\{"Name":"foo\.service","UnitHash":\[/,
  );
  const files = await fleetctl("list-unit-files", "--fields=unit,dstate,state,target");
  assert.equal(
    files.stdout,
    "UNIT\t\tDSTATE\t\tSTATE\t\tTARGET\nfoo.service\tlaunched\tinactive\t-\n",
  );
  assert.match((await fleetctl("cat", "foo")).stdout, /^\[Unit\]\n/);
  assert.match(
    (await fleetctl("status", "foo")).stderr,
    /foo\.service does not appear to be loaded/,
  );
  assert.equal((await fleetctl("destroy", "foo")).stdout, "Destroyed foo.service\n");
  assert.equal(await value("job/foo.service/object"), undefined);
  assert.match(
    (await fleetctl("events")).stdout,
    / submitted foo\.service .*\n.* destroyed foo\.service /,
  );
  assert.deepEqual(await gateways(), before);
});

test("fleetctl --driver=etcd says where no store is", async () => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const { stderr, exit } = await runFleetctl(
    ["--driver=etcd", `--endpoint=${endpoint}`, "--request-timeout=0.5", "list-units"],
    { cwd: "/" },
  );
  assert.match(stderr, new RegExp(`Cannot reach the store at ${endpoint} within 0\\.5 s`));
  assert.notEqual(exit, 0);
});
