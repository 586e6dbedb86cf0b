import { Fault, reasonOf } from "#base/fault.ts";
import { ExchangeError } from "#keys/client-exchange.ts";

/** Node's codes for a connection that failed, in Go's words, which scripts and people know. */
const DIAL_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
};

/** What is so, in the original's words. */
export function explain(error: unknown): string {
  const lines = attemptLines(error);
  if (lines.length > 0)
    return `client: etcd cluster is unavailable or misconfigured; ${lines.join("; ")}`;
  return isDeadline(error) ? "context deadline exceeded" : reasonOf(error);
}

/** What the original repeats below that, when no server could be asked. */
export function detailOf(error: unknown): string {
  const lines = attemptLines(error);
  return lines.length === 0 ? "" : `${lines.join("")}\n`;
}

function attemptLines(error: unknown): string[] {
  if (isAmbiguous(error)) return [];
  return attemptsOf(error).map((attempt, i) => `error #${i}: ${explainAttempt(attempt)}\n`);
}

/** Whether no server could be reached at all, rather than one having answered unhelpfully or spoken no TLS. */
export function isConnectionFailure(error: unknown): boolean {
  const attempts = attemptsOf(error);
  if (attempts.length === 0) return isDeadline(error);
  return attempts.every((attempt) => {
    const failure = failureOf(attempt);
    return failure !== undefined && "syscall" in failure; // connecting, reading, looking up the name
  });
}

/** The failed exchange with each server that was tried; none for other errors. */
export function attemptsOf(error: unknown): ExchangeError[] {
  if (!(error instanceof Fault) || !(error.cause instanceof AggregateError)) return [];
  return error.cause.errors.filter((attempt) => attempt instanceof ExchangeError);
}

function isAmbiguous(error: unknown): boolean {
  return error instanceof Fault && error.facts["ambiguous"] !== undefined;
}

function isDeadline(error: unknown): boolean {
  return error instanceof Fault && error.code === "TIMED_OUT";
}

export function explainAttempt(attempt: ExchangeError): string {
  const { endpoint, cause, message } = attempt;
  if (isDeadline(cause)) return `client: endpoint ${endpoint.text} exceeded header timeout`;
  const failure = failureOf(attempt);
  if (failure === undefined) return `${endpoint.text}: ${message}`;
  const { code } = failure;
  const hostname = endpoint.connect.hostname ?? "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `dial tcp: lookup ${hostname}: no such host`;
  const words = DIAL_WORDS[String(code)];
  if (words === undefined) return `${endpoint.text}: ${message}`;
  const address = "address" in failure ? String(failure.address) : hostname;
  const where = address.includes(":") ? `[${address}]` : address;
  return endpoint.connect.socketPath === undefined
    ? `dial tcp ${where}:${String(endpoint.connect.port)}: ${words}`
    : `dial unix ${endpoint.connect.socketPath}: ${words}`;
}

/** What the operating system said; of a name with several addresses, at the first of them. */
function failureOf({ cause }: ExchangeError): (Error & { readonly code: unknown }) | undefined {
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return first instanceof Error && "code" in first ? first : undefined;
}
