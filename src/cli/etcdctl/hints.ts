import { KeysError } from "#keys/core/keys-error.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";
import { type CommandRun, Refusal } from "./command.ts";
import { discoveryDomain, namedEndpoints } from "./endpoints.ts";
import { attemptsOf, explainAttempt } from "./explain.ts";

/** Said by servers that ask who one is. */
const NOT_ALLOWED = /Insufficient credentials|unexpected status code 401/;

/** Commands of etcd's v3 API, and what there is here instead. */
const V3_COMMANDS: Readonly<Record<string, string>> = {
  put: "`etcdctl set`",
  del: "`etcdctl rm`",
  endpoint: "`etcdctl cluster-health`",
  snapshot: "`keelson etcd2 backup`",
  version: "`etcdctl --version`",
};

/** As web pages print two hyphens, and as they are then pasted. */
const DASHES = /^[\u2012-\u2015]+/;

/** What a person may do about it. */
export function hintForError(error: unknown, given: CommandRun): string | undefined {
  const pasted = given.args.find((word) => DASHES.test(word));
  if (pasted !== undefined) return dashHint(pasted);
  const cause = error instanceof Refusal ? (error.cause ?? error) : error;
  if (cause instanceof KeysError && cause.code === 110) return loginHint(given);
  if (cause instanceof Refusal && NOT_ALLOWED.test(cause.message)) return loginHint(given);
  const attempts = attemptsOf(cause);
  const isNobodyThere = attempts.every((attempt) => explainAttempt(attempt).startsWith("dial "));
  if (attempts.length === 0 || !isNobodyThere) return undefined;
  const named = namedEndpoints(given).map((url) => url.replace(/\/+$/, ""));
  if (
    discoveryDomain(given) === "" &&
    !attempts.some(({ endpoint }) => named.includes(endpoint.text))
  )
    return `this is where the members say that they are; \`--no-sync\` asks ${named.join(",")} alone`;
  return "no store answers there; name yours by --endpoints or ETCDCTL_ENDPOINTS, or start one: `keelson etcd2`";
}

function dashHint(word: string): string {
  return `a flag begins with two hyphens: ${word.replace(DASHES, "--")}`;
}

function loginHint({ globals, io }: CommandRun): string {
  return globals.text("username") || io.env["ETCDCTL_USERNAME"]
    ? "this user may not, or the password is another"
    : "the store asks who you are: give --username NAME before the command";
}

/** What may have been meant by a command that there is not. */
export function hintForUnknown(
  name: string,
  path: readonly string[],
  known: readonly string[],
): string | undefined {
  if (DASHES.test(name)) return dashHint(name);
  const instead = path.length === 0 && Object.hasOwn(V3_COMMANDS, name) ? V3_COMMANDS[name] : "";
  if (instead) return `${name} is of etcd's v3 API; here it is ${instead}`;
  const nearest = nearestWord(name, known);
  return nearest && `did you mean \`${["etcdctl", ...path, nearest].join(" ")}\`?`;
}
