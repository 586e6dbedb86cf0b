import type { FlagSpec } from "./flags.ts";

const TLS = "For https endpoints";

/** Flags of every command; each can also come from the environment as FLEETCTL_NAME, such as FLEETCTL_ENDPOINT. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  text(
    ["endpoint"],
    "",
    "Where the fleet API is: unix://PATH, http://HOST:PORT or https://HOST:PORT; several, separated by commas, are tried in turn",
  ),
  {
    ...text(
      ["driver"],
      "API",
      "How to talk to the cluster: by a fleetd's API, or etcd: by its store, at --endpoint",
    ),
    offers: ["API", "etcd"],
  },
  {
    names: ["request-timeout"],
    kind: "float",
    default: 10,
    help: "Seconds after which a request that got no answer has failed",
  },
  text(
    ["tunnel"],
    "",
    "Reach the endpoint by SSH through this machine, [USER@]HOST[:PORT]; the endpoint is as it is called there",
  ),
  bool(["debug"], false, "Print each request and its duration to stderr"),
  bool(["help", "h"], false, "Print help and exit"),
  bool(["version", "v"], false, "Print the version and exit"),
  text(
    ["etcd-key-prefix"],
    "/_coreos.com/fleet/",
    "For --driver=etcd: where fleet keeps everything",
  ),
  text(["ca-file", "etcd-cafile"], "", TLS),
  text(["cert-file", "etcd-certfile"], "", TLS),
  text(["key-file", "etcd-keyfile"], "", TLS),
  {
    ...text(
      ["known-hosts-file"],
      "",
      "Keys of machines that SSH trusts; default as ssh's configuration says",
    ),
    offers: "files",
  },
  text(["ssh-username"], "core", "Who logs in by SSH; empty: as ssh's configuration says"),
  {
    names: ["ssh-timeout"],
    kind: "float",
    default: 10,
    help: "Seconds for SSH to connect",
  },
  bool(
    ["strict-host-key-checking"],
    true,
    "Refuse machines that SSH does not know; =false trusts all",
  ),
  {
    ...text(
      ["ssh-config"],
      "",
      "ssh's configuration, such as keelson ssh-config writes; default ~/.ssh/config",
    ),
    offers: "files",
  },
  bool(["experimental-api"], true, "Accepted for compatibility; the API is always used"),
];

export function text(names: FlagSpec["names"], value: string, help: string): FlagSpec {
  return { names, kind: "text", default: value, help };
}

export function bool(names: FlagSpec["names"], value: boolean, help: string): FlagSpec {
  return { names, kind: "bool", default: value, help };
}
