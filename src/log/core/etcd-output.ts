import { Fault, type FaultCode } from "#base/fault.ts";

/** A line of etcd's log. */
export interface EtcdLine {
  readonly level: "debug" | "warn";
  readonly text: string;
}

const TEXT_FORM = /^\S+ \S+ ([A-Z]) \| (.*)$/;
const LEVELS_OF_TROUBLE: readonly unknown[] = ["warn", "error", "dpanic", "panic", "fatal"];
/** What etcd warns of though it is as we want it. */
const USUAL =
  /^(exceeded recommended request limit|simple token is not cryptographically signed|established TCP streaming connection|stopped TCP streaming connection|closed TCP streaming connection|serving client traffic insecurely)/;

/** Reads a line that etcd logged, as JSON (3.4 and later) or as text. What is no such line is worth reading. */
export function parseEtcdLine(line: string): EtcdLine {
  if (line.startsWith("{")) {
    const fields = parseFields(line);
    if (fields !== undefined) {
      const { level, msg, error } = fields;
      const text = [msg, error].filter((part) => typeof part === "string").join(": ");
      const isTrouble = LEVELS_OF_TROUBLE.includes(level) && !USUAL.test(text);
      return { level: isTrouble ? "warn" : "debug", text };
    }
  }
  const [, letter, text] = TEXT_FORM.exec(line) ?? [];
  if (letter === undefined || text === undefined) return { level: "warn", text: line };
  return { level: "WECP".includes(letter) ? "warn" : "debug", text };
}

function parseFields(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Whether a line says that a peer belongs to another cluster. */
export function isForeignPeer(text: string): boolean {
  return /cluster ID mismatch/i.test(text);
}

interface Ending {
  readonly says: RegExp;
  readonly code: FaultCode;
  readonly meaning: (name: string) => string;
}

/** Ends that starting again does not mend, by what etcd 3.3 to 3.6 say. */
const FINAL: readonly Ending[] = [
  {
    says: /permanently removed from the cluster/,
    code: "MEMBER_REMOVED",
    meaning: (name) =>
      `Cannot go on as member ${name}: it was removed from the cluster; to join again, add it on another member (etcdctl member add), empty its data directory and start it with what that prints`,
  },
  {
    says: /member count is unequal|no match found for existing member|unmatched member while checking PeerURLs/,
    code: "CONFIG_INVALID",
    meaning: (name) =>
      `Cannot join the cluster as ${name}: initial-cluster is not what the cluster has; add this member there (etcdctl member add) and start it with the lines that prints`,
  },
  {
    says: /has already been bootstrapped/,
    code: "CONFIG_INVALID",
    meaning: (name) =>
      `Cannot start ${name} as a new member: the cluster knows it already, but its data directory is empty; remove and add it there (etcdctl member remove, member add), then start it with initial-cluster-state existing`,
  },
  {
    says: /address already in use/,
    code: "ADDRESS_IN_USE",
    meaning: (name) =>
      `Cannot listen for the peers of ${name}: another program uses a peer address; stop it, or choose another (listen-peer-urls)`,
  },
  {
    says: /invalid value .* for flag|flag provided but not defined|conflicting environment variable|--initial-cluster .*must|has different advertised URLs|-election-timeout|is too long, and should be/i,
    code: "CONFIG_INVALID",
    meaning: (name) => `Cannot start etcd for member ${name}: it refuses its settings`,
  },
];

/**
 * The Fault of an end that starting again does not mend; undefined for every other.
 * @param lastTexts what etcd logged last, oldest first.
 */
export function finalFault(name: string, lastTexts: readonly string[]): Fault | undefined {
  for (const { says, code, meaning } of FINAL) {
    const text = lastTexts.findLast((line) => says.test(line));
    if (text !== undefined) return new Fault(code, meaning(name), { cause: new Error(text) });
  }
  return undefined;
}
