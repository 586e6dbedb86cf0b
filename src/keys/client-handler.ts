import type { HttpHandler, HttpResponse } from "#base/http.ts";
import { allowMethod, answerNotFound, splitTarget } from "#keys/http-answers.ts";
import type { KeysHttp } from "#keys/keys-http.ts";

/** Handlers by path: that path alone, or with a slash at its end all below it. */
export type Routes = Readonly<Record<string, HttpHandler>>;

/** What a member answers on its client addresses: the keys, and whatever else has a route. */
export function clientHandler(keys: KeysHttp, routes: Routes): HttpHandler {
  const handle = routeHandler(routes);
  return (req, res) => {
    if (!keys.handle(req, res)) handle(req, res);
  };
}

/** Gives each request to the longest route that it is on. */
export function routeHandler(routes: Routes): HttpHandler {
  const trees = Object.keys(routes)
    .filter((path) => path.endsWith("/"))
    .toSorted((a, b) => b.length - a.length);
  return (req, res) => {
    const [path] = splitTarget(req.target);
    const found = Object.hasOwn(routes, path) ? path : trees.find((tree) => path.startsWith(tree));
    const handle = found === undefined ? undefined : routes[found];
    if (handle) handle(req, res);
    else answerNotFound(res);
  };
}

/** A route that only tells. */
export function onGet(reply: (res: HttpResponse) => void): HttpHandler {
  return (req, res) => {
    if (allowMethod(req, res, ["GET"])) reply(res);
  };
}
