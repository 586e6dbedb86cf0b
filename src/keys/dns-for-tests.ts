import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { type Dns, dnsOf } from "./dns-srv.ts";

/** What a name has: addresses, or SRV records as `PRIORITY TARGET PORT`. */
export type Zone = Readonly<Record<string, { readonly a?: string[]; readonly srv?: string[] }>>;

const TYPE_A = 1; // RFC 1035 section 3.2.2
const TYPE_SRV = 33; // RFC 2782
const NAME_ERROR = 3; // RFC 1035 section 4.1.1

export interface TestDns extends AsyncDisposable {
  readonly dns: Dns;
  /** `HOST:PORT`, for programs that are to ask it. */
  readonly address: string;
}

/** A name server on the loopback address that knows `zone` and nothing else. */
export async function startDns(zone: Zone): Promise<TestDns> {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => socket.send(answer(query, zone), from.port, from.address));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const resolver = new Resolver({ timeout: 2_000, tries: 5 });
  const address = `127.0.0.1:${socket.address().port}`;
  resolver.setServers([address]);
  return {
    address,
    dns: dnsOf(resolver),
    async [Symbol.asyncDispose]() {
      resolver.cancel();
      socket.close();
      await once(socket, "close");
    },
  };
}

/** A message with one question, RFC 1035 section 4. */
function answer(query: Buffer, zone: Zone): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const type = query.readUInt16BE(at + 1);
  const records = zone[labels.join(".").toLowerCase()];
  const data =
    type === TYPE_A
      ? (records?.a ?? []).map((address) => Buffer.from(address.split(".").map(Number)))
      : type === TYPE_SRV
        ? (records?.srv ?? []).map(srvData)
        : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | (records ? 0 : NAME_ERROR), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 6);
  return Buffer.concat([head, question, ...data.map((bytes) => record(type, bytes))]);
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the question's name
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function srvData(text: string): Buffer {
  const [priority, target = "", port] = text.split(" ");
  const head = Buffer.alloc(6);
  head.writeUInt16BE(Number(priority), 0);
  head.writeUInt16BE(Number(port), 4);
  const labels = target
    .split(".")
    .map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.of(0)]);
}
