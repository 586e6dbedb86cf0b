import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where machines see the folder. */
const INSIDE = "/witness";

/** One copy of the witnessing unit, as its own writing tells: nanoseconds of the computer's clock. */
export interface Run {
  readonly token: bigint;
  readonly machine: string;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
}

/**
 * A folder that machines share and a unit that writes there, twenty times a second, who it is. All machines are on one
 * computer, so that their clocks are one, and a lock that one copy holds on the file shuts out every other.
 */
export class Witness implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<Witness> {
    const directory = await mkdtemp("/tmp/keelson-witness-");
    await chmod(directory, 0o755);
    await writeFile(join(directory, "witness.sh"), SCRIPT);
    await appendFile(join(directory, "beats"), "");
    await appendFile(join(directory, "refused"), "");
    return new Witness(directory);
  }

  /** What machines are to be given for it. */
  get folder() {
    return { host: this.#directory, path: INSIDE, readOnly: false };
  }

  /** Every copy that ran so far, by when it began. */
  async runs(): Promise<Run[]> {
    const runs = new Map<
      string,
      { token: bigint; machine: string; firstNs: bigint; lastNs: bigint }
    >();
    for (const line of (await this.#read("beats")).split("\n")) {
      const [, time, token = "", machine = ""] = /^(\d+) (\d+) (\S+)$/.exec(line) ?? [];
      if (time === undefined) continue;
      const lastNs = BigInt(time);
      const run = runs.get(`${token} ${machine}`);
      if (run === undefined)
        runs.set(`${token} ${machine}`, { token: BigInt(token), machine, firstNs: lastNs, lastNs });
      else run.lastNs = lastNs;
    }
    return [...runs.values()].sort((a, b) => (a.firstNs < b.firstNs ? -1 : 1));
  }

  /** What is wrong: copies that ran at one time, or with a token that is not newer. Empty when nothing is. */
  async violations(): Promise<string[]> {
    const runs = await this.runs();
    const refused = (await this.#read("refused")).split("\n").filter(Boolean);
    return [
      ...refused.map((line) => `the lock was held: ${line}`),
      ...runs.slice(1).flatMap((run, i) => compare(runs[i]!, run)),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }

  #read(name: string): Promise<string> {
    return readFile(join(this.#directory, name), "utf8");
  }
}

/** The witnessing unit; its token and its machine are in everything that it writes. */
export const WITNESS_UNIT = `[Service]
ExecStart=/bin/bash ${INSIDE}/witness.sh %H
TimeoutStopSec=2s

[X-Fleet]
AtMostOnce=yes
MachineMetadata=role=worker
`;

const SCRIPT = `cd "$(dirname "$0")"
exec 9>> lock
now() { printf '%s %s %s\\n' "$(date +%s%N)" "$FLEET_FENCING_TOKEN" "$1"; }
flock --nonblock 9 || { now "$1" >> refused; exit 1; }
while :; do now "$1" >> beats; sleep 0.05 9>&-; done
`;

function compare(before: Run, run: Run): string[] {
  const [a, b] = [before, run].map(({ token, machine }) => `${machine} with token ${token}`);
  const overlapMs = Number(before.lastNs - run.firstNs) / 1e6;
  return [
    ...(overlapMs >= 0 ? [`${a} and ${b} ran together for ${overlapMs} ms`] : []),
    ...(run.token <= before.token ? [`${b} came after ${a}`] : []),
  ];
}
