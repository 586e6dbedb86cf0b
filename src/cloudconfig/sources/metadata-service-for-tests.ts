import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a path answers: a body with status 200, or more. */
export type FakeAnswer =
  | string
  | {
      /** 0: neither head nor body, the connection ends. */
      readonly status: number;
      readonly body?: string | Uint8Array;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** Answers by path; of a list one after the other, the last for good. */
export type FakeRoutes = Readonly<Record<string, FakeAnswer | readonly FakeAnswer[]>>;

export interface FakeService extends AsyncDisposable {
  /** With a slash at the end. */
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly requests: readonly string[];
}

/**
 * A metadata service on loopback; what it has no answer for is 404.
 * @param needs headers without which everything is 403
 */
export async function startFakeService(
  routes: FakeRoutes,
  needs: Readonly<Record<string, string>> = {},
): Promise<FakeService> {
  const requests: string[] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push(path);
    const isAllowed = Object.entries(needs).every(([name, v]) => request.headers[name] === v);
    if (!isAllowed) return answer(response, { status: 403 });
    const count = counts.get(path) ?? 0;
    counts.set(path, count + 1);
    const route = Object.hasOwn(routes, path) ? routes[path]! : { status: 404, body: "none" };
    answer(response, isList(route) ? (route[count] ?? route.at(-1)!) : route);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

function isList(route: FakeAnswer | readonly FakeAnswer[]): route is readonly FakeAnswer[] {
  return Array.isArray(route);
}

function answer(response: ServerResponse, given: FakeAnswer): void {
  if (typeof given === "string") return void response.end(given);
  if (given.status === 0) return void response.socket?.destroy();
  response.writeHead(given.status, given.headers).end(given.body);
}
