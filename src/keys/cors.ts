import type { HeaderList, HttpHandler } from "#base/http.ts";

const METHODS = ["Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"] as const;
const HEADERS = ["Access-Control-Allow-Headers", "accept, content-type, authorization"] as const;

/** What to tell a browser whose page comes from `origin`: whether it may read the answer. */
export type Cors = (origin: string | undefined) => HeaderList;

/** `origins` are those that may, `*` for all; without any, browsers are told nothing, as by etcd 2. */
export function corsFor(origins: readonly string[]): Cors {
  const headersFor = (origin: string): HeaderList => [
    ...HEADERS,
    ...METHODS,
    "Access-Control-Allow-Origin",
    origin,
  ];
  if (origins.includes("*")) {
    const headers = headersFor("*");
    return () => headers;
  }
  const byOrigin = new Map(origins.map((origin) => [origin, headersFor(origin)]));
  return (origin) => (origin === undefined ? [] : (byOrigin.get(origin) ?? []));
}

/** `handle` behind CORS as etcd has it: every OPTIONS is answered here, whatever it is for. */
export function withCors(origins: readonly string[], handle: HttpHandler): HttpHandler {
  const cors = origins.length > 0 ? corsFor(origins) : undefined;
  return (req, res) => {
    if (cors) res.addHeaders(cors(req.header("origin")));
    if (req.method === "OPTIONS") res.send(200, [], "");
    else handle(req, res);
  };
}
