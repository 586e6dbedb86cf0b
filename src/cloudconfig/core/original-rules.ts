/**
 * What the original's validator says of single keys, beyond their types. Keys are paths without the numbers of list
 * items: `coreos.units.command` stands for that of every unit.
 */

/** What a value has to match, or the original says `invalid value`. `schema.ts` may ask for more, or allow more. */
export const ORIGINAL_VALUES: ReadonlyMap<string, RegExp> = new Map([
  ["coreos.etcd2.proxy", /^(on|off|readonly)$/],
  ["coreos.locksmith.window_length", /^[-+]?(\d*(\.\d*)?[a-z])+$/],
  [
    "coreos.locksmith.window_start",
    /^((?:sun|mon|tue|wed|thu|fri|sat) )?0*(\d|1\d|2[0-3]):0*(\d|[1-5]\d)$/i,
  ],
  [
    "coreos.units.command",
    /^(start|stop|restart|reload|try-restart|reload-or-restart|reload-or-try-restart)$/,
  ],
  ["coreos.update.reboot_strategy", /^(etcd-lock|reboot|off)$/],
  ["write_files.encoding", /^(base64|b64|gz|gzip|gz\+base64|gzip\+base64|gz\+b64|gzip\+b64)$/],
  ["write_files.permissions", /^0?[0-7]{3,4}$/],
]);

const NOT_FOR_ETCD = "etcd2 options no longer work for etcd";
const NO_FETCHING =
  "trying to fetch from a remote endpoint introduces too many intermittent errors";

/** Why a key is not to be used any more. `coreos.etcd2` and `coreos.fleet`, which Keelson serves, are not among them. */
export const DEPRECATED: ReadonlyMap<string, string> = new Map([
  ["coreos.etcd", "etcd is no longer shipped in Container Linux"],
  ...[
    "advertise_client_urls",
    "discovery_fallback",
    "discovery_srv",
    "discovery_proxy",
    "election_timeout",
    "force_new_cluster",
    "heartbeat_interval",
    "initial_advertise_peer_urls",
    "initial_cluster",
    "initial_cluster_state",
    "initial_cluster_token",
    "listen_client_urls",
    "listen_peer_urls",
    "max_snapshots",
    "max_wals",
    "proxy",
  ].map((key): [string, string] => [`coreos.etcd.${key}`, NOT_FOR_ETCD]),
  ["coreos.etcd2.ca_file", "ca_file obsoleted by trusted_ca_file and client_cert_auth"],
  [
    "coreos.etcd2.peer_ca_file",
    "peer_ca_file obsoleted peer_trusted_ca_file and peer_client_cert_auth",
  ],
  ["users.coreos_ssh_import_github", NO_FETCHING],
  ["users.coreos_ssh_import_github_users", NO_FETCHING],
  ["users.coreos_ssh_import_url", NO_FETCHING],
]);

/** A key's path without the numbers of list items, as the tables above have it. */
export function withoutNumbers(key: string): string {
  return key.replaceAll(/\[\d+\]/g, "");
}
