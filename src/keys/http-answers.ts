import type { IncomingMessage, ServerResponse } from "node:http";

/** Go's http.Error: a line of plain text that no browser takes for anything else. */
export function answerText(res: ServerResponse, status: number, line: string): void {
  const body = `${line}\n`;
  res
    .writeHead(status, [
      "Content-Type",
      "text/plain; charset=utf-8",
      "X-Content-Type-Options",
      "nosniff",
      "Content-Length",
      String(Buffer.byteLength(body)),
    ])
    .end(body);
}

export function answerNotFound(res: ServerResponse): void {
  answerText(res, 404, "404 page not found");
}

/** Whether the method is one of those; else the answer is given. */
export function allowMethod(
  req: IncomingMessage,
  res: ServerResponse,
  methods: readonly string[],
): boolean {
  if (methods.includes(req.method ?? "")) return true;
  res.setHeader("Allow", methods.join(","));
  res.setHeader("X-Content-Type-Options", "nosniff");
  res.setHeader("Content-Type", "text/plain; charset=utf-8");
  res.statusCode = 405;
  res.end("Method Not Allowed\n");
  return false;
}

/** Sends a client that wrote `//`, `/./` or `/../` to the clean path, as Go's ServeMux does for etcd. */
export function redirect(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  query: string,
): void {
  const location = escapePath(path) + query;
  const body =
    req.method === "GET" ? `<a href="${escapeHtml(location)}">Moved Permanently</a>.\n\n` : "";
  if (req.method === "GET" || req.method === "HEAD")
    res.setHeader("Content-Type", "text/html; charset=utf-8");
  res.setHeader("Location", location);
  res.statusCode = 301;
  res.end(body);
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
