import { request } from "node:http";

export interface EngineAnswer {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 1_000;

/** A GET on a unix socket; undefined when nobody answers there in time. */
export function getBySocket(socketPath: string, path: string): Promise<EngineAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<EngineAnswer | undefined>();
  const none = () => resolve(undefined);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const asked = request({ socketPath, path, agent: false, signal }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => chunks.push(chunk));
    answer.on("end", () =>
      resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
    );
    answer.on("error", none);
  });
  asked.on("error", none);
  asked.end();
  return promise;
}
