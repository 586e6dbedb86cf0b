import { after, before, test } from "node:test";
import { TestAuthority } from "#base/tls-for-tests.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { type Case, compare, type Servers } from "./compare-for-tests.ts";

const stack = new AsyncDisposableStack();
let servers: Servers;

before(async () => {
  const authority = stack.use(new TestAuthority());
  const other = stack.use(new TestAuthority("another"));
  const open = authority.issue("server");
  const elsewhere = authority.issue("elsewhere", { hosts: ["DNS:elsewhere.test"] });
  const [mine, strange] = [authority.issue("mine"), other.issue("strange")];
  const guard = { "--client-cert-auth": "true", "--trusted-ca-file": authority.caFile };
  const [first, guarded, misnamed] = [
    await startSecure(open),
    await startSecure(open, guard),
    await startSecure(elsewhere),
  ];
  servers = {
    clientUrl: first.clientUrl,
    peerUrl: first.peerUrl,
    nobody: `http://127.0.0.1:${await freePort()}`,
    named: {
      SECURE: first.secureUrl,
      AS_PLAIN: first.secureUrl.replace("https", "http"),
      AS_SECURE: first.clientUrl.replace("http", "https"),
      GUARDED: guarded.secureUrl,
      MISNAMED: misnamed.secureUrl,
      AUTHORITY: authority.caFile,
      MY_CERT: mine.certFile,
      MY_KEY: mine.keyFile,
      STRANGE_CERT: strange.certFile,
      STRANGE_KEY: strange.keyFile,
    },
  };
});
after(() => stack.disposeAsync());

async function startSecure(
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
  more: Readonly<Record<string, string>> = {},
) {
  const clientPort = await freePort();
  const secureUrl = `https://127.0.0.1:${await freePort()}`;
  const flags = {
    "--listen-client-urls": `http://127.0.0.1:${clientPort},${secureUrl}`,
    "--advertise-client-urls": secureUrl,
    "--cert-file": certFile,
    "--key-file": keyFile,
    ...more,
  };
  const { clientUrl, peerUrl } = stack.use(await startRealEtcd({ clientPort, flags }));
  return { clientUrl, peerUrl, secureUrl };
}

const because = "it says which server it is, and what to do";

function unavailable(why: string): string {
  const each = `error #0: ${why}\n`;
  return `Error:  client: etcd cluster is unavailable or misconfigured; ${each}\n${each}\n`;
}

function refused(why: string) {
  return { ours: { because, stderr: unavailable(why) } };
}

const UNKNOWN_AUTHORITY = refused(
  "SECURE: its certificate is signed by no authority that this client trusts; name that authority's certificate as the CA file",
);
const ON_GUARDED = "--ca-file AUTHORITY --endpoints GUARDED";

const CASES: readonly Case[] = [
  { line: "--ca-file AUTHORITY --endpoints SECURE set a 1" },
  { line: "--endpoints SECURE get a", env: { ETCDCTL_CA_FILE: "AUTHORITY" } },
  { line: "--ca-file AUTHORITY --endpoints SECURE cluster-health" },
  { line: "--ca-file AUTHORITY --endpoints CLIENT get a" },
  { line: `${ON_GUARDED} --cert-file MY_CERT --key-file MY_KEY set a 1` },
  {
    line: "--endpoints GUARDED cluster-health",
    env: {
      ETCDCTL_CA_FILE: "AUTHORITY",
      ETCDCTL_CERT_FILE: "MY_CERT",
      ETCDCTL_KEY_FILE: "MY_KEY",
    },
  },
  { line: "--endpoints SECURE get a", ...UNKNOWN_AUTHORITY },
  { line: "--no-sync --endpoints SECURE set a 1", ...UNKNOWN_AUTHORITY },
  { line: "--endpoints SECURE cluster-health", ...UNKNOWN_AUTHORITY },
  { line: "--endpoints CLIENT get a", ...UNKNOWN_AUTHORITY },
  {
    line: "--ca-file AUTHORITY --endpoints MISNAMED get a",
    ...refused("MISNAMED: its certificate is for elsewhere.test, not 127.0.0.1"),
  },
  {
    line: `${ON_GUARDED} get a`,
    ...refused("GUARDED: it does not accept this client's certificate, or wants one"),
  },
  {
    line: `${ON_GUARDED} --cert-file STRANGE_CERT --key-file STRANGE_KEY set a 2`,
    ...refused("GUARDED: it does not accept this client's certificate, or wants one"),
  },
  {
    line: "--endpoints AS_PLAIN get a",
    ...refused("AS_PLAIN: socket hang up; if it speaks TLS, use https://"),
  },
  {
    line: `${ON_GUARDED} --cert-file MY_CERT get a`,
    ours: {
      because,
      stderr: "Cannot use the certificate MY_CERT without its key: name both files\n",
    },
  },
  {
    line: `${ON_GUARDED} --cert-file MY_CERT --key-file STRANGE_KEY get a`,
    ours: {
      because,
      stderr:
        "Cannot use the key STRANGE_KEY: it is not the key of the certificate MY_CERT; name the two that belong together\n",
    },
  },
  {
    line: "--ca-file AUTHORITYx --endpoints SECURE get a",
    ours: {
      because,
      stderr:
        "Cannot read an authority's certificate: ENOENT: no such file or directory, open 'AUTHORITYx'\n",
    },
  },
];

for (const [at, row] of CASES.entries())
  test(`etcdctl ${row.line} (${at})`, async () => {
    await compare(row, servers, { "the same": servers });
  });
