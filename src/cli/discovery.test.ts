import assert from "node:assert/strict";
import { test } from "node:test";
import { readDiscoverySettings } from "#cli/discovery-settings.ts";

const read = (args: readonly string[], env: Record<string, string> = {}) =>
  readDiscoverySettings(args, { env, cwd: "/srv" });

test("defaults, environment and flags", () => {
  assert.deepEqual(read([]), {
    listen: [{ kind: "tcp", host: "0.0.0.0", port: 8087 }],
    store: { kind: "own", dataDir: "/srv/keelson-discovery" },
    tlsFiles: undefined,
    url: undefined,
    ttlSeconds: 604_800,
    takesOver: true,
    newPerHour: 0,
  });
  const env = {
    DISCOVERY_ETCD_ENDPOINTS: "http://10.0.0.1:2379,http://10.0.0.2:2379",
    DISCOVERY_TTL: "1h",
    DISCOVERY_URL: "",
  };
  const given = read(["--ttl", "90s", "--url=https://x.example.com/", "--takeover=off"], env);
  const endpoints = ["http://10.0.0.1:2379", "http://10.0.0.2:2379"];
  assert.deepEqual(given.store, { kind: "etcd", endpoints });
  assert.deepEqual(
    [given.ttlSeconds, given.url, given.takesOver],
    [90, "https://x.example.com", false],
  );
  assert.equal(read(["--ttl", "0"]).ttlSeconds, 0);
  assert.deepEqual(read([], { KEELSON_ROOT: "/m" }).store, {
    kind: "own",
    dataDir: "/m/var/lib/keelson-discovery",
  });
  const secure = [
    "--listen",
    "https://0.0.0.0:8443",
    "--cert-file",
    "c.pem",
    "--key-file",
    "/k.pem",
  ];
  assert.deepEqual(read(secure).tlsFiles, {
    certFile: "/srv/c.pem",
    keyFile: "/k.pem",
    caFiles: [],
    isClientCertRequired: false,
  });
});

for (const [args, code, says] of [
  [["--lisen", "x"], "USAGE", /--lisen.*keelson discovery --help/],
  [["extra"], "USAGE", /extra/],
  [["--ttl"], "USAGE", /--ttl/],
  [["--listen", "nonsense"], "CONFIG_INVALID", /Cannot use address "nonsense"/],
  [["--ttl", "soon"], "CONFIG_INVALID", /Cannot use ttl from the flags: expected a time/],
  [
    ["--takeover", "maybe"],
    "CONFIG_INVALID",
    /Cannot use takeover from the flags: expected on or off/,
  ],
  [["--new-per-hour", "-1"], "CONFIG_INVALID", /new-per-hour/],
  [["--url", "example.com"], "CONFIG_INVALID", /Cannot use url from the flags: expected http/],
  [["--data-dir", "x", "--etcd-endpoints", "http://h:1"], "CONFIG_INVALID", /in two places/],
  [["--listen", "https://0.0.0.0:1"], "CONFIG_INVALID", /needs a certificate/],
  [["--cert-file", "x"], "CONFIG_INVALID", /belong together/],
] as const)
  test(`keelson discovery ${args.join(" ")}: ${code}`, () => {
    const isRight = { name: "Fault", code, message: says };
    // A value that begins with a dash has to be given with =.
    const given = args.join(" ") === "--new-per-hour -1" ? ["--new-per-hour=-1"] : args;
    assert.throws(() => read(given), isRight);
  });
