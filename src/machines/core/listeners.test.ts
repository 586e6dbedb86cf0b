import assert from "node:assert/strict";
import { test } from "node:test";
import { portsListenedOn } from "./listeners.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0101007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0101007F:C001 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 0201007F:094B 0101007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
`;

test("portsListenedOn() has what listens on that very address", () => {
  assert.deepEqual(portsListenedOn("127.0.1.1", TABLE), [2379, 49153]);
  assert.deepEqual(portsListenedOn("127.0.1.2", TABLE), [], "a connection is no listener");
  assert.deepEqual(portsListenedOn("127.0.1.1", ""), []);
});
