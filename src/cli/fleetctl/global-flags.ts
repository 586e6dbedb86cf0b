import type { FlagSpec } from "./flags.ts";

const TLS = "Accepted for compatibility; the fleet API is served without TLS";
const SSH = "Accepted for compatibility; status and journal travel over the fleet API, not SSH";

/** Flags of every command; each can also come from the environment as FLEETCTL_NAME, such as FLEETCTL_ENDPOINT. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  text(
    ["endpoint"],
    "",
    "Where the fleet API is: unix://PATH or http://HOST:PORT; several, separated by commas, are tried in turn",
  ),
  text(["driver"], "API", "How to talk to the cluster; only API exists"),
  {
    names: ["request-timeout"],
    kind: "float",
    default: 10,
    help: "Seconds after which a request that got no answer has failed",
  },
  text(["tunnel"], "", "Not available: use an endpoint that can be reached from here"),
  bool(["debug"], false, "Print each request and its duration to stderr"),
  bool(["help", "h"], false, "Print help and exit"),
  bool(["version", "v"], false, "Print the version and exit"),
  text(
    ["etcd-key-prefix"],
    "/_coreos.com/fleet/",
    "Accepted for compatibility; fleetd knows where its keys are",
  ),
  text(["ca-file", "etcd-cafile"], "", TLS),
  text(["cert-file", "etcd-certfile"], "", TLS),
  text(["key-file", "etcd-keyfile"], "", TLS),
  text(["known-hosts-file"], "", SSH),
  text(["ssh-username"], "core", SSH),
  { names: ["ssh-timeout"], kind: "float", default: 10, help: SSH },
  bool(["strict-host-key-checking"], true, SSH),
  bool(["experimental-api"], true, "Accepted for compatibility; the API is always used"),
];

export function text(names: FlagSpec["names"], value: string, help: string): FlagSpec {
  return { names, kind: "text", default: value, help };
}

export function bool(names: FlagSpec["names"], value: boolean, help: string): FlagSpec {
  return { names, kind: "bool", default: value, help };
}
