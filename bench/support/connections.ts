import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** So many at once, that no queue of a listener overflows. */
const AT_ONCE = 250;

/** Opens `count` connections, each of which has had one answer. */
export async function openIdle(clientUrl: string, count: number): Promise<Socket[]> {
  const { hostname, port, host } = new URL(clientUrl);
  const request = `GET /version HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const sockets: Socket[] = [];
  const openOne = async () => {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {}); // a server that ends sooner is no matter here
    sockets.push(socket);
    await once(socket, "connect");
    socket.write(request);
    await once(socket, "data");
  };
  while (sockets.length < count)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, openOne));
  return sockets;
}

/** Sets `count` keys of their own, 64-byte values in directories of 1000, by so many clients as wait one each. */
export async function fill(clientUrl: string, count: number, clients = 64): Promise<void> {
  const { hostname, port, host } = new URL(clientUrl);
  const body = `value=${"v".repeat(64)}`;
  const head = `HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  let next = 0;
  const fillSome = async () => {
    const socket = connect(Number(port), hostname);
    try {
      await once(socket, "connect");
      while (next < count) {
        socket.write(`PUT /v2/keys/${keyOf(next++)} ${head}`);
        const [answer] = (await once(socket, "data")) as [Buffer];
        const status = answer.toString("latin1", 9, 12);
        if (status !== "201") throw new Error(`a write was refused: ${status}`);
      }
    } finally {
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: clients }, fillSome));
}

/** The name of the key that was set as number `at`. */
export function keyOf(at: number): string {
  return `fill/${Math.floor(at / 1000)}/key${at}`;
}
