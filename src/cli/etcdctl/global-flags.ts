import type { Flag } from "./flags.ts";

export const HELP_FLAG: Flag = { name: "help", alias: "h", kind: "bool", usage: "show this" };

export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "debug", kind: "bool", usage: "show every request as a curl command" },
  {
    name: "no-sync",
    kind: "bool",
    usage: "use the endpoints as given, do not ask for the members",
  },
  { name: "output", alias: "o", kind: "text", usage: "simple, extended or json (default: simple)" },
  {
    name: "discovery-srv",
    alias: "D",
    kind: "text",
    usage: "domain whose DNS SRV records (_etcd-client-ssl._tcp) name the servers",
  },
  {
    name: "insecure-discovery",
    kind: "bool",
    usage: "also those without TLS (_etcd-client._tcp)",
  },
  {
    name: "endpoints",
    kind: "text",
    usage: "servers, with commas (default: http://127.0.0.1:2379,http://127.0.0.1:4001)",
  },
  { name: "endpoint", kind: "text", usage: "older name of --endpoints" },
  { name: "peers", alias: "C", kind: "text", usage: "older name of --endpoints" },
  { name: "cert-file", kind: "text", usage: "certificate to show to https servers" },
  { name: "key-file", kind: "text", usage: "its key" },
  { name: "ca-file", kind: "text", usage: "certificates that https servers must be signed by" },
  {
    name: "username",
    alias: "u",
    kind: "text",
    usage: "USER:PASSWORD, or USER to be asked for it",
  },
  { name: "timeout", kind: "duration", usage: "for one request to one server (default: 2s)" },
  {
    name: "total-timeout",
    kind: "duration",
    usage: "for the command, but not watch (default: 5s)",
  },
  HELP_FLAG,
  { name: "version", alias: "v", kind: "bool", usage: "show the version" },
];
