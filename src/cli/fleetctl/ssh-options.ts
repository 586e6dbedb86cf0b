import { Fault } from "#base/fault.ts";
import type { Flags } from "./flags.ts";

/** Where to log in: what stands in `--tunnel`, or a machine's address. */
export interface SshTarget {
  readonly user: string | undefined;
  /** Name or address; also a host of ssh_config(5). */
  readonly host: string;
  /** Absent: as ssh's configuration says, else 22. */
  readonly port: number | undefined;
}

/** As the original, which was made for CoreOS's machines. */
const DEFAULT_USER = "core";

/**
 * Reads `[USER@]HOST[:PORT]`; an IPv6 address with a port is written `[ADDRESS]:PORT`.
 * @param from what errors call it, such as `--tunnel`
 * @throws {Fault} USAGE
 */
export function parseSshTarget(text: string, from: string): SshTarget {
  const [, user, rest = ""] = /^(?:([^@]*)@)?(.*)$/s.exec(text) ?? [];
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(rest);
  const plain = /^([^:]*):(\d{1,5})$/.exec(rest);
  const [, host = rest, port] = bracketed ?? plain ?? [];
  const number = port === undefined ? undefined : Number(port);
  // A host that began with a hyphen would be an option of ssh's.
  const isHost = /^[\w.:%-]+$/.test(host) && !host.startsWith("-");
  const isUser = user === undefined || (/^[\w.@\\$-]+$/.test(user) && !user.startsWith("-"));
  if (isHost && isUser && number !== 0 && (number ?? 1) <= 65535)
    return { user, host, port: number };
  throw new Fault("USAGE", `Cannot use ${from}=${text}: expected [USER@]HOST[:PORT]`);
}

/** The words for ssh(1) that reach `target`; what the flags do not say is left to ssh's configuration. */
export function sshOptions(target: SshTarget, flags: Flags): readonly string[] {
  const timeoutS = flags.number("ssh-timeout");
  if (timeoutS <= 0 || timeoutS > TIMEOUT_MAX_S)
    throw new Fault(
      "USAGE",
      `Cannot use --ssh-timeout=${timeoutS}: expected seconds, above 0 and at most ${TIMEOUT_MAX_S}`,
    );
  const user =
    target.user ?? (flags.isGiven("ssh-username") ? flags.text("ssh-username") : DEFAULT_USER);
  const configuration = flags.text("ssh-config");
  return [
    ...(configuration === "" ? [] : ["-F", configuration]),
    ...(user === "" ? [] : ["-l", user]),
    ...(target.port === undefined ? [] : ["-p", String(target.port)]),
    `-oConnectTimeout=${Math.ceil(timeoutS)}`,
    ...hostKeyOptions(flags),
  ];
}

const TIMEOUT_MAX_S = 86_400;

function hostKeyOptions(flags: Flags): readonly string[] {
  if (!flags.bool("strict-host-key-checking"))
    return [
      "-oStrictHostKeyChecking=no",
      "-oUserKnownHostsFile=/dev/null",
      "-oGlobalKnownHostsFile=/dev/null",
      "-oLogLevel=ERROR", // a warning for each key that nobody knows
    ];
  const file = flags.text("known-hosts-file");
  return file === "" ? [] : [`-oUserKnownHostsFile="${file}"`];
}

/** ssh's option to reach its host through the tunnel's, with the same settings for both. */
export function throughTunnel(tunnel: SshTarget, flags: Flags): readonly string[] {
  const words = ["ssh", ...sshOptions(tunnel, flags), "-W", "[%h]:%p", "--", tunnel.host];
  return [`-oProxyCommand=${words.map(asShellWord).join(" ")}`];
}

/** A word of the command that ssh gives to a shell; only `-W`'s own percent signs are ssh's to replace. */
function asShellWord(word: string): string {
  const percent = word === "[%h]:%p" ? word : word.replaceAll("%", "%%");
  return `'${percent.replaceAll("'", "'\\''")}'`;
}
