import type { SshAccess } from "#machines/provider.ts";

/** Options of ssh(1) that take the next word along, when nothing follows in the same one. */
const WITH_ARGUMENT = /[BbcDEeFIiJLlmOoPpQRSWw]/;

export interface SshArguments {
  /** Options for ssh(1), as written. */
  readonly options: readonly string[];
  /** What is to run there; empty: a shell. */
  readonly command: readonly string[];
}

/** Splits what stands behind the host's name on ssh's own command line, where options may still come first. */
export function splitSshArguments(words: readonly string[]): SshArguments {
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (word === "--" || !/^-./.test(word)) break;
    const taking = word.search(WITH_ARGUMENT);
    at += taking > 0 && taking === word.length - 1 ? 2 : 1;
  }
  const rest = words.slice(at);
  return { options: words.slice(0, at), command: rest[0] === "--" ? rest.slice(1) : rest };
}

/** ssh_config(5) of one machine, by keyword. */
export function sshSettings(access: SshAccess): readonly (readonly [string, string])[] {
  return [
    ["HostName", access.host],
    ["User", access.user],
    ["Port", String(access.port)],
    ["IdentityFile", quoted(access.identityFile)],
    ["IdentitiesOnly", "yes"],
    ["UserKnownHostsFile", quoted(access.knownHostsFile)],
    ["StrictHostKeyChecking", "yes"],
    ["LogLevel", "ERROR"],
  ];
}

/** A block of ssh_config(5). An address that is the machine's alone names it too, as for `fleetctl ssh`. */
export function sshConfigBlock(name: string, access: SshAccess): string {
  const lines = sshSettings(access).map(([keyword, value]) => `  ${keyword} ${value}\n`);
  const names = access.host.startsWith("127.") ? name : `${name} ${access.host}`;
  return `Host ${names}\n${lines.join("")}`;
}

/** The command line that logs in; a later option of the person's does not change ours, as ssh takes the first. */
export function sshCommand(name: string, access: SshAccess, { options, command }: SshArguments) {
  const settings = sshSettings(access).map(([keyword, value]) => `-o${keyword}=${value}`);
  return ["ssh", ...options, "-F", "/dev/null", ...settings, name, ...separated(command)];
}

function separated(command: readonly string[]): readonly string[] {
  return command.length === 0 ? [] : ["--", ...command];
}

function quoted(path: string): string {
  return path.includes(" ") ? `"${path}"` : path;
}
