import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopbackUrl } from "./loopback.ts";

test("URLs that only this machine can come by", () => {
  const rows: readonly (readonly [url: string, isLoopback: boolean])[] = [
    ["http://localhost:2380", true],
    ["https://LOCALHOST:2380", true],
    ["http://127.0.0.1:2380", true],
    ["http://127.9.8.7", true],
    ["http://[::1]:2380", true],
    ["http://10.0.0.1:2380", false],
    ["http://0.0.0.0:2380", false],
    ["http://127.example:2380", false],
    ["http://[::]:2380", false],
    ["unix:///run/etcd.sock", false],
  ];
  for (const [url, isLoopback] of rows) assert.equal(isLoopbackUrl(url), isLoopback, url);
});
