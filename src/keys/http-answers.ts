import type { HttpRequest, HttpResponse } from "#base/http.ts";
import { unescapePercent } from "#keys/core/form.ts";

const JSON_TYPE = ["Content-Type", "application/json"] as const;
const TEXT_TYPE = ["Content-Type", "text/plain; charset=utf-8"] as const;
const NO_SNIFF = ["X-Content-Type-Options", "nosniff"] as const;

export function answerJson(res: HttpResponse, status: number, body: string): void {
  res.send(status, JSON_TYPE, body);
}

export function answerPlain(res: HttpResponse, status: number, body: string): void {
  res.send(status, TEXT_TYPE, body);
}

/** Go's http.Error: a line of plain text that no browser takes for anything else. */
export function answerText(res: HttpResponse, status: number, line: string): void {
  res.send(status, [...TEXT_TYPE, ...NO_SNIFF], `${line}\n`);
}

export function answerNotFound(res: HttpResponse): void {
  answerText(res, 404, "404 page not found");
}

/** Whether the method is one of those; else the answer is given. */
export function allowMethod(
  req: HttpRequest,
  res: HttpResponse,
  methods: readonly string[],
): boolean {
  if (methods.includes(req.method)) return true;
  res.addHeaders(["Allow", methods.join(",")]);
  answerText(res, 405, "Method Not Allowed");
  return false;
}

/** Path, decoded, and query, as it was sent and without its question mark, of a request target. */
export function splitTarget(target: string): readonly [path: string, query: string] {
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? "" : target.slice(question + 1);
  return [path.includes("%") ? unescapePercent(path) : path, query];
}

/** Sends a client that wrote `//`, `/./` or `/../` to the clean path, as Go's ServeMux does for etcd. */
export function redirect(req: HttpRequest, res: HttpResponse, path: string, query: string): void {
  const location = escapePath(path) + (query === "" ? "" : `?${query}`);
  const isRead = req.method === "GET" || req.method === "HEAD";
  const type = isRead ? ["Content-Type", "text/html; charset=utf-8"] : [];
  const body =
    req.method === "GET" ? `<a href="${escapeHtml(location)}">Moved Permanently</a>.\n\n` : "";
  res.send(301, [...type, "Location", location], body);
}

/** The clean form of a decoded path, with the slash at its end kept. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/"))
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  const clean = `/${parts.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

function escapePath(path: string): string {
  return encodeURIComponent(path).replace(/%(?:2F|24|26|2B|2C|3A|3B|3D|40)|[!'()*]/g, (found) =>
    found.length === 1
      ? `%${found.charCodeAt(0).toString(16).toUpperCase()}`
      : decodeURIComponent(found),
  );
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (found) => HTML_ESCAPES[found] ?? found);
}
