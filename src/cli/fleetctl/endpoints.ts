import { Fault } from "#base/fault.ts";
import type { Flags } from "./flags.ts";

/**
 * The endpoints to use, in order: those given, else the socket of the fleetd of this machine, whose root directory is
 * `KEELSON_ROOT` when that is set, or of the tunnel's.
 * With `--driver=etcd` they are of the store.
 * @throws {Fault} USAGE for what cannot be an endpoint, and for drivers.
 */
export function endpointsOf(
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const driver = flags.text("driver");
  if (driver !== "API" && driver !== "etcd")
    throw new Fault(
      "USAGE",
      `Unable to initialize client: unrecognized driver "${driver}"; drivers are API and etcd`,
    );
  const given = flags.text("endpoint");
  if (driver === "etcd") return given === "" ? STORES : given.split(",").map(checkedStore);
  if (given === "") return [defaultEndpoint(flags.text("tunnel") === "" ? environment : {})];
  const isTunneled = flags.text("tunnel") !== "";
  return given.split(",").map((endpoint) => checked(endpoint.trim(), isTunneled));
}

const STORES = ["http://127.0.0.1:2379", "http://127.0.0.1:4001"];

function checkedStore(text: string): string {
  const endpoint = text.trim();
  const isUrl = URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol);
  if (isUrl || endpoint.startsWith("unix:///")) return endpoint;
  throw new Fault(
    "USAGE",
    `Unable to initialize client: "${endpoint}" is no endpoint of etcd's; use http://HOST:PORT, https://HOST:PORT or unix:///PATH`,
  );
}

function defaultEndpoint(environment: Readonly<Record<string, string | undefined>>): string {
  const root = environment["KEELSON_ROOT"];
  return root === undefined || root === ""
    ? "unix:///var/run/fleet.sock"
    : `unix://${root.replace(/\/$/, "")}/run/fleet.sock`;
}

function checked(endpoint: string, isTunneled: boolean): string {
  const refuse = (why: string) =>
    new Fault(
      "USAGE",
      `Unable to initialize client: ${why}; use unix:///PATH, http://HOST:PORT or https://HOST:PORT as endpoint, not "${endpoint}"`,
    );
  const [, scheme, rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(endpoint) ?? [];
  if (scheme === undefined) throw refuse("URL scheme undefined");
  if (scheme === "unix" || scheme === "file") {
    if (rest.startsWith("/")) return `unix://${rest}`;
    throw refuse(`unable to connect to host "${rest.split("/")[0]}" with scheme "${scheme}"`);
  }
  if (scheme === "https" && isTunneled) throw refuse("--tunnel has no TLS to speak inside of it");
  if (scheme !== "http" && scheme !== "https") throw refuse(`scheme "${scheme}" is not supported`);
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined) throw refuse("it is no URL");
  if (url.pathname !== "/" || url.search !== "") throw refuse("an endpoint has no path");
  return endpoint;
}
