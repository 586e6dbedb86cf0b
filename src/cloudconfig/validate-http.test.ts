import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { openHttpServer } from "#base/http-server.ts";
import { parseAddress } from "#base/listen.ts";
import { routeHandler } from "#keys/client-handler.ts";
import { validateRoutes } from "./validate-http.ts";

const PAGE = join(import.meta.dirname, "../../web/validate");
const BODY_BYTES_MAX = 64 * 1024;

async function openService(): Promise<AsyncDisposable & { readonly url: string }> {
  const handle = routeHandler(await validateRoutes(PAGE));
  const server = await openHttpServer(parseAddress("http://127.0.0.1:0"), handle);
  const { address } = server;
  assert.ok(address.kind === "tcp");
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("the validator answers PUT and POST with a report, whatever the type of the body", async () => {
  await using service = await openService();
  const body = "#cloud-config\ncoreos:\n  unit: []\n  units: [{name: a.service, command: strat}]\n";
  const result = [
    {
      kind: "warning",
      line: 3,
      message: 'unrecognized key "unit"',
      key: "coreos.unit",
      hint: 'did you mean "units"?',
    },
    {
      kind: "error",
      line: 4,
      message: "invalid value strat",
      key: "coreos.units[0].command",
      hint: "choose one of start, stop, restart, reload, try-restart, reload-or-restart, reload-or-try-restart",
    },
  ];
  for (const method of ["PUT", "POST"])
    for (const path of ["/validate", "/validate/"])
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "text/yaml"]) {
        const headers = { "Content-Type": type };
        const answer = await fetch(`${service.url}${path}`, { method, body, headers });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get("content-type"), "application/json");
        assert.equal(answer.headers.get("access-control-allow-origin"), "*");
        assert.deepEqual(await answer.json(), { result, status: 1 });
      }
});

test("the validator has nothing to say of what is right, and of what it cannot check", async () => {
  await using service = await openService();
  for (const body of ["", "#!/bin/sh\n", "#cloud-config\nhostname: a$private_ipv4\n"]) {
    const answer = await fetch(`${service.url}/validate`, { method: "PUT", body });
    assert.deepEqual(await answer.json(), { result: [], status: 0 });
  }
});

test("the validator answers in lines to who asks for text", async () => {
  await using service = await openService();
  const headers = { Accept: "text/plain" };
  const body = "#cloud-config\nfoo: <b>\n";
  const answer = await fetch(`${service.url}/validate`, { method: "PUT", body, headers });
  assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.match(await answer.text(), /^line 2: warning: unrecognized key "foo"\n {4}foo: /);
});

test("the validator takes a body up to its limit", async () => {
  await using service = await openService();
  const put = (bytes: number) =>
    fetch(`${service.url}/validate`, {
      method: "PUT",
      body: "#cloud-config\n#".padEnd(bytes, "x"),
    });
  assert.deepEqual(await (await put(BODY_BYTES_MAX)).json(), { result: [], status: 0 });
  const refused = await put(BODY_BYTES_MAX + 1);
  assert.equal(refused.status, 413);
  assert.match(((await refused.json()) as { error: string }).error, /more than 65536 bytes/);
});

test("the validator unfolds little", async () => {
  await using service = await openService();
  const bomb = gzipSync(Buffer.alloc(9 * 1024 * 1024)).toString("base64");
  const body = `#cloud-config\nwrite_files: [{path: /a, encoding: gz+b64, content: ${bomb}}]\n`;
  const answer = await fetch(`${service.url}/validate`, { method: "PUT", body });
  const { result } = (await answer.json()) as { result: { message: string }[] };
  assert.match(result[0]?.message ?? "", /cannot be decoded as gz\+b64/);
});

for (const { name, whole, refused } of [
  { name: "that are whole", whole: true, refused: 2 },
  { name: "that end broken", whole: false, refused: 4 }, // each may have been unfolded before it is seen
])
  test(`the validator unfolds no more of many files ${name}`, async () => {
    await using service = await openService();
    const folded = gzipSync(Buffer.alloc(3 * 1024 * 1024));
    if (!whole) folded.writeUInt32LE(0, folded.length - 8); // its checksum, RFC 1952 section 2.3.1
    const file = "{path: /a, encoding: gz+b64, content: *c}";
    const body = `#cloud-config
x: &c ${folded.toString("base64")}
write_files: [${Array(4).fill(file).join(", ")}]
`;
    const answer = await fetch(`${service.url}/validate`, { method: "PUT", body });
    const { result } = (await answer.json()) as { result: { message: string; hint?: string }[] };
    const undecoded = result.filter((entry) => /cannot be decoded/.test(entry.message));
    assert.equal(undecoded.length, refused);
    assert.match(undecoded.at(-1)?.message ?? "", /all unfold to more than 8388608 bytes/);
  });

for (const { name, path, init, status, says } of [
  {
    name: "forms",
    path: "/validate",
    init: { method: "POST", body: formOf("a", "b") },
    status: 415,
    says: /multipart/,
  },
  {
    name: "compressed bodies",
    path: "/validate",
    init: { method: "PUT", body: "x", headers: { "Content-Encoding": "gzip" } },
    status: 415,
    says: /gzip/,
  },
  {
    name: "other methods",
    path: "/validate",
    init: { method: "DELETE" },
    status: 405,
    says: /by PUT or POST/,
  },
  { name: "other pages", path: "/validate/x.js", init: {}, status: 404, says: /not found/ },
  {
    name: "files beside its own",
    path: "/validate/..%2f..%2fpackage.json",
    init: {},
    status: 404,
    says: /not found/,
  },
  {
    name: "bodies for its pages",
    path: "/validate/index.html",
    init: { method: "PUT", body: "x" },
    status: 404,
    says: /not found/,
  },
])
  test(`the validator refuses ${name}`, async () => {
    await using service = await openService();
    const answer = await fetch(`${service.url}${path}`, init);
    assert.equal(answer.status, status);
    assert.match(await answer.text(), says);
    if (status === 405) assert.match(answer.headers.get("allow") ?? "", /PUT, POST/);
  });

test("the validator lets pages of other sites ask", async () => {
  await using service = await openService();
  const answer = await fetch(`${service.url}/validate`, { method: "OPTIONS" });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(answer.headers.get("access-control-allow-methods"), "PUT, POST");
  assert.equal(answer.headers.get("access-control-allow-headers"), "Content-Type");
});

test("the validator's page needs nothing from elsewhere, and is sent once", async () => {
  await using service = await openService();
  const sent = await fetch(`${service.url}/validate`, { redirect: "manual" });
  assert.equal(sent.status, 301);
  assert.equal(sent.headers.get("location"), "validate/");
  for (const name of ["", "validate.css", "validate.js", "icon.svg"]) {
    const url = `${service.url}/validate/${name}`;
    const answer = await fetch(url);
    assert.equal(answer.status, 200, name);
    assert.match(answer.headers.get("content-security-policy") ?? "", /^default-src 'none';/);
    const text = await answer.text();
    assert.doesNotMatch(
      text.replace("http://www.w3.org/2000/svg", ""),
      /(?:src|href|url)[=(]"?https?:/,
    );
    const again = await fetch(url, {
      headers: { "If-None-Match": answer.headers.get("etag") ?? "" },
    });
    assert.equal(again.status, 304);
  }
});

test("the validator without its page says so", async () => {
  await assert.rejects(validateRoutes("/nowhere"), {
    code: "FILE_UNREADABLE",
    message: /^Cannot read the validator's page \/nowhere\/index.html: .*install Keelson anew$/,
  });
});

function formOf(name: string, value: string): FormData {
  const form = new FormData();
  form.append(name, value);
  return form;
}
