import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readServerSettings } from "#cli/server-settings.ts";

const read = (args: readonly string[], env: Record<string, string> = {}) =>
  readServerSettings(args, { env, cwd: "/srv" });

test("keelson server's defaults", () => {
  assert.deepEqual(read([]), {
    listen: [{ kind: "tcp", host: "0.0.0.0", port: 8080 }],
    url: undefined,
    tlsFiles: undefined,
    discovery: {
      store: { kind: "own", dataDir: "/srv/keelson-server/discovery" },
      ttlSeconds: 604_800,
      takesOver: true,
      newPerHour: 0,
    },
  });
  const { store } = read([], { KEELSON_ROOT: "/m" }).discovery;
  assert.deepEqual(store, { kind: "own", dataDir: "/m/var/lib/keelson-server/discovery" });
});

test("keelson server: flags win over the environment, which wins over the file", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "keelson-server-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "server.conf");
  writeFileSync(
    file,
    '# ours\n\nlisten = "http://127.0.0.1:1"\ndiscovery_ttl=1h\n discovery-new-per-hour = 5\nurl = http://h\n',
  );
  const env = { SERVER_CONFIG: file, SERVER_DISCOVERY_TTL: "2h", SERVER_URL: "http://e" };
  const settings = read(["--url", "https://f", "--discovery-takeover=off"], env);
  assert.deepEqual(settings.listen, [{ kind: "tcp", host: "127.0.0.1", port: 1 }]);
  assert.equal(settings.url, "https://f");
  const { ttlSeconds, newPerHour, takesOver } = settings.discovery;
  assert.deepEqual([ttlSeconds, newPerHour, takesOver], [7200, 5, false]);
  assert.equal(read(["--config", file]).url, "http://h");
  writeFileSync(file, "lisen = x\n");
  assert.throws(() => read(["--config", file]), {
    code: "CONFIG_INVALID",
    message: /^Cannot use line 1 of .*server\.conf: expected NAME = VALUE with one of listen,/,
  });
});

for (const [args, code, says] of [
  [["--lisen", "x"], "USAGE", /--lisen.*keelson server --help/],
  [["extra"], "USAGE", /extra/],
  [["--config", "/nowhere"], "FILE_UNREADABLE", /Cannot read \/nowhere/],
  [["--listen", "nonsense"], "CONFIG_INVALID", /Cannot use address "nonsense"/],
  [["--discovery-ttl", "soon"], "CONFIG_INVALID", /discovery-ttl from the flags: expected a time/],
  [["--url", "http://h/path"], "CONFIG_INVALID", /url from the flags: .*without a path/],
  [["--listen", "https://0.0.0.0:1"], "CONFIG_INVALID", /needs a certificate/],
  [["--key-file", "x"], "CONFIG_INVALID", /belong together/],
] as const)
  test(`keelson server ${args.join(" ")}: ${code}`, () => {
    assert.throws(() => read(args), { name: "Fault", code, message: says });
  });
