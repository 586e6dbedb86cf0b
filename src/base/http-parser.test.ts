import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { isRefusal } from "#base/http-head.ts";
import { RequestParser } from "#base/http-parser.ts";

/** What a request comes to, with its body up to `maxBytes`; or how the connection ends. */
type Read =
  | {
      readonly method: string;
      readonly target: string;
      readonly fields: object;
      readonly body: string;
    }
  | { readonly refused: string };

/** Everything that is in `pieces`, as a server reads it. */
function readAll(pieces: readonly Buffer[], maxBytes = 1 << 20): Read[] {
  const parser = new RequestParser();
  const read: Read[] = [];
  let awaited: { method: string; target: string; fields: object } | undefined;
  for (const piece of pieces) {
    parser.push(piece);
    for (;;) {
      if (awaited === undefined) {
        const head = parser.readHead();
        if (head === undefined) break;
        if (isRefusal(head)) return [...read, { refused: head.status }];
        const { method, target, fields } = head;
        awaited = { method, target, fields: Object.fromEntries(fields.values) };
      }
      const body = parser.readBody(maxBytes);
      if (body === undefined) break;
      if (typeof body !== "string") return [...read, { refused: body.status }];
      read.push({ ...awaited, body });
      awaited = undefined;
    }
  }
  return read;
}

const readText = (text: string, maxBytes?: number) =>
  readAll([Buffer.from(text, "latin1")], maxBytes);
const HOST = "Host: a\r\n";
const get = (target: string) => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;
const put = (fields: string, body: string) => `PUT /k HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${body}`;

const TARGETS: readonly (readonly [sent: string, read: string | undefined])[] = [
  ["/", "/"],
  ["/v2/keys/a?b=%zz&c", "/v2/keys/a?b=%zz&c"],
  ["/%41%2F", "/%41%2F"],
  ["/%4", undefined],
  ["/%zz", undefined],
  ["*", "*"],
  ["//a/b", "//a/b"],
  ["/a#b", "/a#b"],
  ["/\xc3\xbc", "/ü"],
  ["/\x01", undefined],
  ["/\x7f", undefined],
  ["/a\tb", undefined],
  ["a", undefined],
  ["http://h/a?b", "/a?b"],
  ["http://h", "/"],
  ["http://h?x", "/?x"],
  ["http://u:p@[::1]:80/a", "/a"],
  ["http://h:x/a", undefined],
  ["http://a b/", undefined],
  ["http://h\\/a", undefined],
  ["mailto:a", undefined],
  ["", undefined],
];

test("targets in every form", () => {
  for (const [sent, read] of TARGETS) {
    const [first] = readText(get(sent));
    assert.ok(first);
    assert.equal("target" in first ? first.target : undefined, read, sent);
  }
});

const REFUSED: readonly (readonly [status: string, request: string])[] = [
  ["400 Bad Request: missing required Host header", "GET / HTTP/1.1\r\n\r\n"],
  ["400 Bad Request: malformed Host header", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["400 Bad Request", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ["400 Bad Request: invalid header name", `GET / HTTP/1.1\r\n${HOST}X : a\r\n\r\n`],
  ["400 Bad Request: invalid header value", `GET / HTTP/1.1\r\n${HOST}X: a\rb\r\n\r\n`],
  ["400 Bad Request", `GET / HTTP/1.1\r\n${HOST}X: a\nb\r\n\r\n`],
  ["400 Bad Request: invalid header value", `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  ["400 Bad Request", `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
  ["400 Bad Request", `GET / HTTP/1.1\r\n X: a\r\n${HOST}\r\n`],
  ["400 Bad Request", `GET / HTTP/1.1\r\n${HOST}X\r\n\r\n`],
  ["400 Bad Request", `GET / HTTP/1.1\r\n${HOST}: a\r\n\r\n`],
  ["400 Bad Request", "GET / HTTP/1.1\nHost: a\n\n"],
  ["400 Bad Request", "GET /\r\n\r\n"],
  ["400 Bad Request", `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  ["400 Bad Request", `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  ["400 Bad Request", `GET / http/1.1\r\n${HOST}\r\n`],
  ["400 Bad Request", `G(T / HTTP/1.1\r\n${HOST}\r\n`],
  ["400 Bad Request", "\x16\x03\x01\x02"],
  ["505 HTTP Version Not Supported: unsupported protocol version", "PRI * HTTP/2.0\r\n\r\n"],
  ["417 Expectation Failed", `GET / HTTP/1.1\r\n${HOST}Expect: x\r\n\r\n`],
  ["400 Bad Request", put("Content-Length: 1\r\nTransfer-Encoding: chunked", "0\r\n\r\n")],
  ["400 Bad Request", put("Content-Length: 1\r\nContent-Length: 1", "a")],
  ["400 Bad Request", put("Content-Length: 1, 1", "a")],
  ["400 Bad Request", put("Content-Length: +1", "a")],
  ["400 Bad Request", put("Content-Length: -1", "a")],
  ["400 Bad Request", put("Content-Length: 0x1", "a")],
  ["400 Bad Request", put("Content-Length:", "a")],
  ["400 Bad Request", put("Content-Length: 9007199254740993", "a")],
  ["501 Not Implemented", put("Transfer-Encoding: gzip", "")],
  ["501 Not Implemented", put("Transfer-Encoding: gzip, chunked", "")],
  ["501 Not Implemented", put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "")],
  ["501 Not Implemented", put("Transfer-Encoding: \vchunked", "").replace("\v", "x")],
  ["400 Bad Request", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["431 Request Header Fields Too Large", `GET / HTTP/1.1\r\nX: ${"a".repeat(1_060_000)}`],
  ["431 Request Header Fields Too Large", get(`/${"a".repeat(1_060_000)}`)],
];

test("what is no request is refused in the words of Go's server", () => {
  for (const [status, request] of REFUSED)
    assert.deepEqual(
      readText(request),
      [{ refused: status }],
      JSON.stringify(request.slice(0, 99)),
    );
});

const CHUNKED: readonly (readonly [body: string, read: string | undefined])[] = [
  ["0\r\n\r\n", ""],
  ["1\r\na\r\n00\r\n\r\n", "a"],
  ["A;x=y\r\n0123456789\r\n1 \r\n", undefined],
  ['3\r\nabc\r\n3;q="\r\nd\r\n\r\n0\r\nT: 1\r\n\r\n', "abcd\r\n"],
  ["3\r\nabcd\r\n0\r\n\r\n", undefined],
  ["3\nabc\n0\n\n", undefined],
  ["\r\n", undefined],
  ["x\r\n", undefined],
  ["-1\r\n", undefined],
  ["0x1\r\na\r\n0\r\n\r\n", undefined],
  ["0000000000001\r\n", undefined],
  ["ffffffffffffffff\r\n", undefined],
  ["0\r\nbad name: 1\r\n\r\n", undefined],
  ["0\r\nT: 1\n\r\n\r\n", undefined],
  [`1;${"x".repeat(5000)}\r\na\r\n0\r\n\r\n`, undefined],
  [`0\r\nT: ${"x".repeat(5000)}\r\n\r\n`, undefined],
];

test("bodies in chunks", () => {
  for (const [body, read] of CHUNKED) {
    const [first] = readText(put("Transfer-Encoding: Chunked", body));
    assert.ok(first, body);
    assert.equal("body" in first ? first.body : undefined, read, body.slice(0, 99));
  }
});

test("a body over the limit is too large, one at the limit is not", () => {
  const tooLarge = [{ refused: "413 Request Entity Too Large" }];
  assert.deepEqual(readText(put("Content-Length: 4", "abcd"), 3), tooLarge);
  assert.deepEqual(
    readText(put("Transfer-Encoding: chunked", "4\r\nabcd\r\n0\r\n\r\n"), 3),
    tooLarge,
  );
  for (const whole of [
    put("Content-Length: 4", "abcd"),
    put("Transfer-Encoding: chunked", "4\r\nabcd\r\n0\r\n\r\n"),
  ])
    assert.equal((readText(whole, 4)[0] as { body?: string }).body, "abcd");
});

/** A field of any kind, good and bad ones. */
const field = fc.oneof(
  fc.constantFrom(
    "Host: a",
    "Connection: close",
    "Expect: 100-continue",
    "X: 1",
    "x: 2",
    "Y:",
    "Bad",
    " X",
  ),
  fc.constantFrom("Content-Length: 0", "Content-Length: 3", "Transfer-Encoding: chunked"),
  fc.stringMatching(/^[A-Za-z-]{1,9}: ?[ -~]{0,20}$/),
);
const body = fc.oneof(
  fc.constantFrom("", "abc", "0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "1;x\r\na\r\n0\r\nT: 1\r\n\r\n"),
  fc.string({ maxLength: 8 }),
);
const request = fc
  .tuple(
    fc.constantFrom("GET", "PUT", "HEAD", "BREW", "", "G T"),
    fc.constantFrom("/", "/a?b=c", "*", "http://h/x", "/%41", "x", "/ü"),
    fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0"),
    fc.array(field, { maxLength: 4 }),
    body,
  )
  .map(
    ([method, target, version, fields, content]) =>
      `${method} ${target} ${version}\r\n${["Host: h", ...fields].map((line) => `${line}\r\n`).join("")}\r\n${content}`,
  );
/** Requests in a row, with a few bytes changed. */
const bytes = fc
  .tuple(
    fc.array(request, { minLength: 1, maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
  )
  .map(([requests, changes]) => {
    const all = Buffer.from(requests.join(""), "latin1");
    for (const [at, byte] of changes) all[at % all.length] = byte;
    return all;
  });

test("however the bytes are cut, the requests are the same", () => {
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  fc.assert(
    fc.property(bytes, cuts, (all, at) => {
      const whole = readAll([all]);
      const single = readAll([...all].map((byte) => Buffer.from([byte])));
      const ends = [...at.map((cut) => cut % all.length), all.length].toSorted((a, b) => a - b);
      const pieces = ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end));
      assert.deepEqual(readAll(pieces), whole);
      assert.deepEqual(single, whole);
    }),
    { numRuns: 2000 },
  );
});

test("random bytes are refused or waited for, and never throw", () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .array(fc.constantFrom("\r", "\n", " ", ":", "GET", "/", "HTTP/1.1", "0", "%"), {
        maxLength: 60,
      })
      .map((parts) => Buffer.from(parts.join(""))),
  );
  fc.assert(
    fc.property(noise, (some) => void readAll([Buffer.from(some)])),
    { numRuns: 2000 },
  );
});

/** What node:http reads of the same bytes; it is as strict or less. */
async function readByNode(all: Buffer): Promise<Read[]> {
  const { duplexPair } = await import("node:stream");
  const server = createServer();
  const read: Read[] = [];
  const [client, socket] = duplexPair();
  const ended = Promise.withResolvers<void>();
  server.on("request", (req, res) => {
    const { method = "", url: target = "" } = req;
    const chunks: Buffer[] = [];
    req.on("error", () => {});
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      read.push({ method, target, fields: {}, body: Buffer.concat(chunks).toString() });
      res.end();
    });
  });
  server.on("clientError", () => ended.resolve());
  server.emit("connection", socket);
  client.on("error", () => {});
  client.resume();
  client.end(all, () => setImmediate(() => setImmediate(() => ended.resolve())));
  await ended.promise;
  client.destroy();
  socket.destroy();
  return read;
}

test("node's parser reads every request that ours reads alike", async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), async (requests) => {
      const all = Buffer.from(requests.join(""), "latin1");
      const ours = readAll([all]).filter((one) => "method" in one);
      const theirs = await readByNode(all);
      for (const [at, one] of ours.entries()) {
        const other = theirs[at];
        // Node's knows fewer methods and refuses other things; where it reads a request, it is the same one.
        if (other === undefined || !("method" in other)) break;
        assert.deepEqual([one.method, one.body], [other.method, other.body]);
        compared += 1;
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(compared > 20, `${compared} requests compared`);
});

test("a head that trickles in costs what it weighs", () => {
  const parser = new RequestParser();
  const start = process.cpuUsage();
  const byte = Buffer.from("a");
  parser.push(Buffer.from(`GET / HTTP/1.1\r\n${HOST}X: `));
  for (let at = 0; at < 500_000; at += 1) {
    parser.push(byte);
    assert.equal(parser.readHead(), undefined);
  }
  parser.push(Buffer.from("\r\n\r\n"));
  const head = parser.readHead();
  assert.ok(head && !isRefusal(head));
  assert.equal(head.fields.values.get("x")?.length, 500_000);
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 30e6, "reading it again with every byte takes minutes");
});
