import { stat } from "node:fs/promises";
import type { Writable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { CloudinitGround } from "#cli/coreos-cloudinit.ts";
import { applyHere, showPlan } from "#cli/coreos-cloudinit-apply.ts";
import {
  type Flags,
  networkFormatOf,
  SOURCE_FLAGS,
  sourceChoiceOf,
  waitMsOf,
} from "#cli/coreos-cloudinit-flags.ts";
import { type Io, isTerminal } from "#cli/program.ts";
import type { MachineFacts } from "#cloudconfig/core/machine-facts.ts";
import { mergeMetadata } from "#cloudconfig/core/merge-metadata.ts";
import { isMetadataHostname } from "#cloudconfig/core/metadata-hostname.ts";
import { convertNetworkConfig } from "#cloudconfig/core/network-config.ts";
import type { NetworkFormat } from "#cloudconfig/core/network-format.ts";
import { planCloudConfig } from "#cloudconfig/core/plan.ts";
import { planScript } from "#cloudconfig/core/plan-script.ts";
import { describeProblem, type Problem } from "#cloudconfig/core/problem.ts";
import type { CloudConfig } from "#cloudconfig/core/schema.ts";
import { NO_METADATA, type SourceMetadata } from "#cloudconfig/core/source-metadata.ts";
import { describeFacts } from "#cloudconfig/core/template-facts.ts";
import { userDataKind } from "#cloudconfig/core/user-data.ts";
import { describeReport, validate } from "#cloudconfig/core/validate.ts";
import { exampleFacts, loadCloudConfig } from "#cloudconfig/load-cloud-config.ts";
import { loadScript } from "#cloudconfig/load-script.ts";
import { lookUpNames } from "#cloudconfig/look-up-names.ts";
import { readMachineFacts } from "#cloudconfig/read-facts.ts";
import { decodeUserData, gunzip } from "#cloudconfig/read-user-data.ts";
import { FILE_TYPE } from "#cloudconfig/sources/file-source.ts";
import { openSources } from "#cloudconfig/sources/open-sources.ts";
import { SELECT_TIMEOUT_MS, selectSource } from "#cloudconfig/sources/select-source.ts";
import type { UserDataSource } from "#cloudconfig/sources/source.ts";

/** All that the command line can ask for but its version and help; resolves with the exit status. */
export async function runCloudinit(flags: Flags, ground: CloudinitGround, io: Io): Promise<number> {
  const run = new Run(flags, ground, io);
  try {
    return await run.all();
  } catch (error) {
    // The original's status for whatever goes wrong after its command line is understood.
    if (!(error instanceof Fault) || !STATUS_1.has(error.code)) throw error;
    return run.tell(error);
  }
}

const STATUS_1: ReadonlySet<string> = new Set([
  "CLOUD_CONFIG_INVALID",
  "FILE_UNREADABLE",
  "FILE_UNWRITABLE",
  "MACHINE_REFUSED",
  "SOURCE_FAILED",
  "SYSTEMD_FAILED",
]);

/** What user-data is once it is read: a config, and a script if it is one. */
interface Wanted {
  readonly config: CloudConfig;
  readonly script?: string;
  /** Whether it could not be used, which was told. */
  readonly isFailed: boolean;
}

class Run {
  readonly #flags: Flags;
  readonly #ground: CloudinitGround;
  readonly #io: Io;
  readonly #networkFormat: NetworkFormat | undefined;
  readonly #root: string;

  constructor(flags: Flags, ground: CloudinitGround, io: Io) {
    this.#flags = flags;
    this.#ground = ground;
    this.#io = io;
    this.#networkFormat = networkFormatOf(flags);
    this.#root = flags.root || io.env["KEELSON_ROOT"] || "/";
  }

  async all(): Promise<number> {
    await checkRoot(this.#root);
    if (this.#flags.facts) return await this.#showFacts();
    const source = await this.#select();
    const text = await this.#fetchText(source);
    if (this.#flags.validate) return await this.#validate(source, text);
    const metadata = await this.#fetchMetadata(source);
    if (text !== undefined && userDataKind(text) === "ignition")
      return print(
        this.#io.stderr,
        "coreos-cloudinit: this is an Ignition config: nothing to do\n",
      );
    const known = await readMachineFacts(this.#root, this.#io.env, metadata);
    const facts = await lookUpNames(known, text ?? "", this.#io.signal);
    const wanted = this.#read(source, text, facts);
    const network = this.#convertNetwork(source, metadata);
    if (wanted.isFailed) {
      if (!tellsAnything(metadata)) return this.#statusOf(wanted);
      this.#say(
        "What the metadata says is applied all the same, so that the machine can be reached",
      );
    }
    await this.#apply(wanted, metadata, facts, network);
    return this.#statusOf(wanted);
  }

  /** Prints an error; resolves with its status. */
  tell(error: Fault): 1 {
    this.#io.stderr.write(`coreos-cloudinit: ${error.message}\n`);
    return 1;
  }

  #open(): Promise<readonly UserDataSource[]> {
    const { clock, machineRoot } = this.#ground;
    const report = (line: string) => this.#say(line);
    const { stdin, env } = this.#io;
    return openSources(sourceChoiceOf(this.#flags), { clock, stdin, env, machineRoot, report });
  }

  async #select(): Promise<UserDataSource> {
    const sources = await this.#open();
    if (sources.length === 0)
      throw new Fault(
        "USAGE",
        `Cannot configure this machine: give a source of user-data by one of ${SOURCE_FLAGS.join(", ")}`,
      );
    const isTrial = this.#flags.validate || this.#flags["dry-run"] || this.#flags.facts;
    // At boot a file may come later; a person who names one means a file that is there.
    const isTyped = isTerminal(this.#io.stderr) && sources.every(({ type }) => type === FILE_TYPE);
    const timeoutMs = waitMsOf(this.#flags) ?? (isTrial || isTyped ? 0 : SELECT_TIMEOUT_MS);
    const report = (line: string) => this.#say(line);
    const options = { clock: this.#ground.clock, timeoutMs, report };
    return await selectSource(sources, options, this.#io.signal);
  }

  /** Undefined when it cannot be had, which is told: the machine may still be reached by its metadata. */
  async #fetchText(source: UserDataSource): Promise<string | undefined> {
    if (!isPlain(source)) this.#say(`Fetching user-data from datasource of type "${source.type}"`);
    try {
      return decodeUserData(await source.fetchUserData(this.#io.signal), source.place);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.tell(error);
      return undefined;
    }
  }

  async #fetchMetadata(source: UserDataSource): Promise<SourceMetadata> {
    if (!isPlain(source)) this.#say(`Fetching meta-data from datasource of type "${source.type}"`);
    const metadata = await source.fetchMetadata(this.#io.signal);
    const { hostname, ...others } = metadata;
    if (hostname === undefined || isMetadataHostname(hostname)) return metadata;
    this.#say(
      `The metadata's hostname ${JSON.stringify(hostname)} is passed over: no machine can have it; the user-data can give another`,
    );
    return others;
  }

  async #validate({ place }: UserDataSource, text: string | undefined): Promise<number> {
    if (text === undefined) return 1;
    const kind = userDataKind(text);
    if (kind === "script" || kind === "ignition")
      return print(this.#io.stdout, `${place} is no cloud-config (${kind}): nothing to check\n`);
    if (kind === "empty")
      return print(this.#io.stdout, `${place} has no user-data: nothing to check\n`);
    const facts = exampleFacts(await readMachineFacts(this.#root, this.#io.env));
    const report = validate(text, facts, gunzip);
    this.#io.stderr.write(describeReport(report));
    if (report.status === 0) print(this.#io.stdout, `${place} is a valid cloud-config\n`);
    return report.status;
  }

  async #showFacts(): Promise<number> {
    const isTold = (await this.#open()).length > 0;
    const metadata = isTold ? await this.#fetchMetadata(await this.#select()) : NO_METADATA;
    const facts = describeFacts(await readMachineFacts(this.#root, this.#io.env, metadata));
    const text = this.#flags.json
      ? `${JSON.stringify(Object.fromEntries(facts.map((fact) => [fact.name, fact.value])), undefined, 2)}\n`
      : facts.map(({ name, value }) => `${name} = ${String(value)}\n`).join("");
    return print(this.#io.stdout, text);
  }

  #read(source: UserDataSource, text: string | undefined, facts: MachineFacts): Wanted {
    if (text === undefined) return { config: {}, isFailed: true };
    try {
      if (userDataKind(text) === "script")
        return { config: {}, script: loadScript(text, source.place, facts), isFailed: false };
      const { config, warnings } = loadCloudConfig(text, source.place, facts);
      this.#warn(source, warnings);
      return { config, isFailed: false };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "CLOUD_CONFIG_INVALID") throw error;
      this.tell(error);
      return { config: {}, isFailed: true };
    }
  }

  async #apply(
    { config, script }: Wanted,
    metadata: SourceMetadata,
    facts: MachineFacts,
    network: ReturnType<typeof convertNetworkConfig> | undefined,
  ): Promise<void> {
    const own = config.hostname;
    if (own !== undefined && metadata.hostname !== undefined && own !== metadata.hostname)
      this.#say(`The user-data's hostname ${own} counts, not the metadata's ${metadata.hostname}`);
    const { actions } = planCloudConfig(mergeMetadata(config, metadata), facts, {
      sshKeyName: this.#flags["ssh-key-name"],
      network,
    });
    const plan = {
      actions: [
        ...actions,
        ...(script === undefined ? [] : [planScript(script, this.#flags.workspace)]),
      ],
    };
    if (this.#flags["dry-run"]) return showPlan(plan, this.#flags.json, this.#io);
    await applyHere(plan, this.#root, this.#io);
  }

  #convertNetwork({ type }: UserDataSource, { networkConfig }: SourceMetadata) {
    const format = this.#networkFormat;
    if (format === undefined) return undefined;
    if (networkConfig !== undefined) return convertNetworkConfig(format, networkConfig);
    this.#say(`"${type}" describes no network: it stays as it is`);
    return undefined;
  }

  #statusOf({ isFailed }: Wanted): 0 | 1 {
    return isFailed && !this.#flags["ignore-failure"] ? 1 : 0;
  }

  #warn(source: UserDataSource, warnings: readonly Problem[]): void {
    for (const problem of warnings)
      this.#io.stderr.write(`${source.place}: ${describeProblem(problem)}\n`);
  }

  #say(line: string): void {
    this.#io.stderr.write(`coreos-cloudinit: ${line}\n`);
  }
}

/** Else a mistyped one would be made, a new tree beside the one that was meant. */
async function checkRoot(root: string): Promise<void> {
  const status = await stat(root).catch(() => undefined);
  if (status?.isDirectory()) return;
  throw new Fault(
    "FILE_UNREADABLE",
    `Cannot configure the machine in ${root}: it is no directory that can be read; name one that is there by --root`,
  );
}

/** A file or the standard input: of these nothing is told that goes well. */
function isPlain(source: UserDataSource): boolean {
  return source.type === "local-file" || source.type === "standard-input";
}

function tellsAnything({ sshPublicKeys, ...rest }: SourceMetadata): boolean {
  return Object.keys(sshPublicKeys).length + Object.keys(rest).length > 0;
}

function print(to: Writable, text: string): number {
  to.write(text);
  return 0;
}
