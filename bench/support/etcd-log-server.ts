// A server of the keys protocol over the log in the etcd at argv[2], on the port argv[3]: what bench/etcd-log.ts loads.
import { systemClock } from "#base/clock.ts";
import { openHttpServer } from "#base/http-server.ts";
import { openLogger } from "#base/logger.ts";
import { AuthGate } from "#keys/auth-gate.ts";
import { clientHandler } from "#keys/client-handler.ts";
import { KeysHttp } from "#keys/keys-http.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";

const [endpoint = "", port = ""] = process.argv.slice(2);
const options = { clock: systemClock, random: Math.random, logger: openLogger("warn") };
const client = openEtcdClient({ endpoints: [endpoint] });
const log = await EtcdLog.open(
  { ...options, client, prefix: "/bench" },
  new AbortController().signal,
);
const onFault = (error: Error) => console.error(error.message);
const server = new KeysServer(log, { ...options, onFault });
const keys = new KeysHttp(server, new AuthGate(server), "0");
await openHttpServer(
  { kind: "tcp", host: "127.0.0.1", port: Number(port) },
  clientHandler(keys, {}),
);
console.log("ready");
