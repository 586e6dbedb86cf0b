// Containers as units: a registry of the cluster's own, an image made here, run by podman and by Docker, moved when its
// machine dies.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Example, openExample, until } from "#test/support/example.ts";

const NETWORK = "10.201.85"; // apart from machines that a person may have
const PAGE = "<html><body><h1>It works!</h1></body></html>\n";
const HTTP_LIMIT_MS = 2_000;

/** What a web server says; empty when none answers. */
async function page(url: string): Promise<string> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(HTTP_LIMIT_MS) })).text();
  } catch {
    return "";
  }
}

/** Where the cluster's web server is, by the store, once it answers there. */
async function whereItWorks(example: Example, except: string): Promise<string> {
  let url = "";
  await until("the web server answers", async () => {
    url = (await example.run("etcdctl get /services/httpd")).stdout.trim();
    return url !== "" && !except.split(" ").includes(url) && (await page(url)) === PAGE;
  });
  return url;
}

function machineAt(url: string): string {
  const at = Number(new URL(url).hostname.split(".")[3]);
  return at === 51 ? "docker-01" : `backend-0${at - 40}`;
}

test("containers as units", async (t: TestContext) => {
  await using example = await openExample("containers", { "192.168.1": NETWORK });
  await example.says("keelson up");

  await t.test("an image is made and kept in the cluster", async () => {
    await example.says("fleetctl start registry.service");
    await until(
      "the registry answers",
      async () => (await page(`http://${NETWORK}.1:5000/v2/`)) === "{}",
    );
    await example.says(`keelson ssh frontend-01 sudo /example/httpd/build ${NETWORK}.1:5000`);
    assert.equal(
      await page(`http://${NETWORK}.1:5000/v2/_catalog`),
      '{"repositories":["httpd","library/httpd"]}\n',
    );
  });

  for (const [name, at] of [
    ["backend-01", 41],
    ["docker-01", 51],
  ] as const)
    await t.test(`by hand on ${name}`, async () => {
      const ran = await example.types(`keelson ssh ${name}`, [
        "sudo docker pull httpd",
        "sudo docker run -d -p 9000:80 --name=TestHTTPD httpd",
        "exit",
      ]);
      await until(
        "it works",
        async () => (await page(`http://${NETWORK}.${at}:9000`)) === PAGE,
        () => ran,
      );
      await example.says(`keelson ssh ${name} sudo docker rm -f TestHTTPD`);
      assert.equal(await page(`http://${NETWORK}.${at}:9000`), "");
    });

  await t.test(
    "as a unit it moves from machine to machine, whatever runs containers there",
    async () => {
      await example.says("fleetctl start httpd.service");
      const seen: string[] = [];
      for (let lost = 0; lost < 3; lost += 1) {
        const url = await whereItWorks(example, seen.join(" "));
        seen.push(url);
        if (lost < 2) await example.says(`keelson halt --force ${machineAt(url)}`);
      }
      assert.deepEqual(
        seen.toSorted(),
        [41, 42, 51].map((at) => `http://${NETWORK}.${at}:9000`),
      );
      await example.says("keelson up");
      assert.equal(await whereItWorks(example, ""), seen[2], "nothing moves without a cause");
    },
  );

  await t.test("stopped, it runs nowhere", async () => {
    await example.says("fleetctl stop httpd.service");
    const left = await Promise.all(
      ["backend-01", "backend-02", "docker-01"].map((name) =>
        example.says(`keelson ssh ${name} sudo docker ps --quiet`),
      ),
    );
    assert.deepEqual(left, ["", "", ""]);
    assert.equal((await example.run("etcdctl get /services/httpd")).status, 4);
    assert.match(
      await example.says("fleetctl status httpd.service || true"),
      /Active: inactive \(dead\)/,
    );
  });
});
