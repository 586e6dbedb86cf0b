import { Fault } from "#base/fault.ts";
import type { Flags } from "./flags.ts";

/**
 * The endpoints to use, in order: those given, else the socket of the fleetd of this machine, whose root directory is
 * `KEELSON_ROOT` when that is set, or of the tunnel's.
 * @throws {Fault} USAGE for what cannot be an endpoint, and for drivers.
 */
export function endpointsOf(
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const driver = flags.text("driver");
  if (driver.toLowerCase() === "etcd")
    throw new Fault(
      "USAGE",
      'Unable to initialize client: driver "etcd" is not available; leave --driver out and give the fleet API with --endpoint',
    );
  if (driver !== "API")
    throw new Fault(
      "USAGE",
      `Unable to initialize client: unrecognized driver "${driver}"; the driver is API`,
    );
  const given = flags.text("endpoint");
  if (given === "") return [defaultEndpoint(flags.text("tunnel") === "" ? environment : {})];
  return given.split(",").map((endpoint) => checked(endpoint.trim()));
}

function defaultEndpoint(environment: Readonly<Record<string, string | undefined>>): string {
  const root = environment["KEELSON_ROOT"];
  return root === undefined || root === ""
    ? "unix:///var/run/fleet.sock"
    : `unix://${root.replace(/\/$/, "")}/run/fleet.sock`;
}

function checked(endpoint: string): string {
  const refuse = (why: string) =>
    new Fault(
      "USAGE",
      `Unable to initialize client: ${why}; use unix:///PATH or http://HOST:PORT as endpoint, not "${endpoint}"`,
    );
  const [, scheme, rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(endpoint) ?? [];
  if (scheme === undefined) throw refuse("URL scheme undefined");
  if (scheme === "unix" || scheme === "file") {
    if (rest.startsWith("/")) return `unix://${rest}`;
    throw refuse(`unable to connect to host "${rest.split("/")[0]}" with scheme "${scheme}"`);
  }
  if (scheme !== "http") throw refuse(`scheme "${scheme}" is not supported`);
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined) throw refuse("it is no URL");
  if (url.pathname !== "/" || url.search !== "") throw refuse("an endpoint has no path");
  return endpoint;
}
