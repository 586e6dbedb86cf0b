import { join } from "node:path";
import { freePort } from "#keys/real-etcd.ts";
import { type ServerProcess, startServer } from "#test/support/server.ts";
import type { RealStore } from "./real-run.ts";

/** One server with its own log in `directory`, which is killed and stopped now and then. */
export async function loneStore(directory: string): Promise<RealStore> {
  const settings = {
    dataDir: join(directory, "data"),
    url: `http://127.0.0.1:${await freePort()}`,
    peerUrl: `http://127.0.0.1:${await freePort()}`,
  };
  let server: ServerProcess = await startServer(settings);
  await server.ready();
  return {
    urls: [settings.url],
    session: () => "the server", // all that it shows is on its disk
    calmMaxMs: 800,
    strikeMaxMs: 600,
    strikes: {
      "kill -9": async () => {
        await server.stop("SIGKILL");
        return async () => {
          server = await startServer(settings);
          await server.ready();
        };
      },
      "kill -9 and at once again": async () => {
        await server.stop("SIGKILL");
        server = await startServer(settings);
        return () => server.ready();
      },
      SIGTERM: async () => {
        await server.stop("SIGTERM");
        server = await startServer(settings);
        return () => server.ready();
      },
      pause: async () => {
        server.child.kill("SIGSTOP");
        return async () => void server.child.kill("SIGCONT");
      },
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
