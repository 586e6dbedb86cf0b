import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Fault, reasonOf } from "#base/fault.ts";
import type { HeaderList, HttpRequest, HttpResponse } from "#base/http.ts";
import type { Routes } from "#keys/client-handler.ts";
import { answerNotFound, splitTarget } from "#keys/http-answers.ts";
import type { Gunzip } from "./core/decode-files.ts";
import { describeReport, toEntry, validate } from "./core/validate.ts";
import { exampleFacts } from "./load-cloud-config.ts";

/** What clouds take as user-data; checking the worst that fits into it takes less than a second. */
const BODY_BYTES_MAX = 64 * 1024;
/** What its compressed files may unfold to together: enough to see that it does, little enough for a service. */
const UNFOLDED_BYTES_MAX = 8 * 1024 * 1024;
/** Deflate makes no more of an octet; zlib, "Technical Details". */
const FOLDED_MOST = 1032;

const METHODS = "GET, HEAD, PUT, POST, OPTIONS";
const PREFLIGHT_SECONDS = 86_400;

/** A page of another site may ask: there is nothing here that is not its own. */
const SHARED: HeaderList = ["Access-Control-Allow-Origin", "*"];
const PREFLIGHT: HeaderList = [
  "Access-Control-Allow-Methods",
  "PUT, POST",
  "Access-Control-Allow-Headers",
  "Content-Type",
  "Access-Control-Max-Age",
  String(PREFLIGHT_SECONDS),
];
const FRESH = ["Cache-Control", "no-store", "X-Content-Type-Options", "nosniff"];
const JSON_HEADERS: HeaderList = ["Content-Type", "application/json", ...FRESH];
const TEXT_HEADERS: HeaderList = ["Content-Type", "text/plain; charset=utf-8", ...FRESH];

/** The page has its own style and script, asks this server alone, and is nobody's frame. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE_FILES = {
  "index.html": "text/html; charset=utf-8",
  "validate.css": "text/css; charset=utf-8",
  "validate.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
} as const;

interface PageFile {
  readonly type: string;
  readonly content: string;
  readonly tag: string;
}

/**
 * The validator as a service: `PUT` or `POST /validate` with user-data is answered with a report, as the original's
 * service did; `GET /validate/` is a page for people.
 * @param directory where the page's files are
 * @throws {Fault} FILE_UNREADABLE
 */
export async function validateRoutes(directory: string): Promise<Routes> {
  const page = new Map<string, PageFile>();
  for (const [name, type] of Object.entries(PAGE_FILES))
    page.set(name, await readPageFile(join(directory, name), type));
  const handle = (req: HttpRequest, res: HttpResponse) => answer(req, res, page);
  return { "/validate": handle, "/validate/": handle };
}

function answer(req: HttpRequest, res: HttpResponse, page: ReadonlyMap<string, PageFile>): void {
  const [path] = splitTarget(req.target);
  const name = path.slice("/validate/".length);
  switch (req.method) {
    case "PUT":
    case "POST":
      if (name === "") answerReport(req, res);
      else answerNotFound(res);
      return;
    case "OPTIONS":
      res.send(204, [...SHARED, ...PREFLIGHT, "Allow", METHODS], "");
      return;
    case "GET":
    case "HEAD":
      if (path === "/validate") res.send(301, ["Location", "validate/"], "");
      else answerFile(req, res, page.get(name || "index.html"));
      return;
    default:
      res.addHeaders(["Allow", METHODS]);
      refuse(res, 405, `Cannot ${req.method} here: send user-data by PUT or POST`);
  }
}

function answerReport(req: HttpRequest, res: HttpResponse): void {
  const type = req.header("content-type") ?? "";
  const coding = req.header("content-encoding") ?? "identity";
  if (/^multipart\//i.test(type) || coding.toLowerCase() !== "identity") {
    res.closeAfter();
    const is = coding === "identity" ? type : coding;
    refuse(res, 415, `Cannot read a body of ${is}: send the file by itself, as curl -T FILE does`);
    return;
  }
  req.readBody(BODY_BYTES_MAX, (body) => {
    if (body === undefined) {
      res.closeAfter();
      const advice = "it is what clouds take; check more by coreos-cloudinit --validate";
      refuse(res, 413, `Cannot check more than ${BODY_BYTES_MAX} bytes: ${advice}`);
      return;
    }
    const report = validate(body, exampleFacts({ metadata: {} }), unfoldWithin());
    if (/^text\/plain\b/i.test(req.header("accept") ?? "")) {
      res.send(200, [...TEXT_HEADERS, ...SHARED], describeReport(report));
      return;
    }
    const { problems, status } = report;
    const told = { result: problems.map(toEntry), status };
    res.send(200, [...JSON_HEADERS, ...SHARED], `${JSON.stringify(told)}\n`);
  });
}

/** For one request. */
function unfoldWithin(): Gunzip {
  let rest = UNFOLDED_BYTES_MAX;
  return (data) => {
    if (rest === 0) throw new RangeError(`all unfold to more than ${UNFOLDED_BYTES_MAX} bytes`);
    const maxOutputLength = rest;
    rest = Math.max(0, rest - data.length * FOLDED_MOST); // also where it fails in its last octet
    const unfolded = gunzipSync(data, { maxOutputLength });
    rest = maxOutputLength - unfolded.length;
    return unfolded;
  };
}

function refuse(res: HttpResponse, status: number, error: string): void {
  res.send(status, [...JSON_HEADERS, ...SHARED], `${JSON.stringify({ error })}\n`);
}

function answerFile(req: HttpRequest, res: HttpResponse, file: PageFile | undefined): void {
  if (file === undefined) {
    answerNotFound(res);
    return;
  }
  const { type, content, tag } = file;
  const caching = ["ETag", tag, "Cache-Control", "no-cache"];
  if (req.header("if-none-match") === tag) {
    res.send(304, caching, "");
    return;
  }
  const safety = ["X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer"];
  const headers = ["Content-Type", type, "Content-Security-Policy", PAGE_POLICY];
  res.send(200, [...headers, ...caching, ...safety], content);
}

async function readPageFile(path: string, type: string): Promise<PageFile> {
  try {
    const content = await readFile(path, "utf8");
    const tag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
    return { type, content, tag };
  } catch (cause) {
    const message = `Cannot read the validator's page ${path}: ${reasonOf(cause)}; install Keelson anew`;
    throw new Fault("FILE_UNREADABLE", message, { cause });
  }
}
