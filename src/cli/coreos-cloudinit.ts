import { join } from "node:path";
import type { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";
import { VERSION } from "#cli/keelson/help.ts";
import type { Io, Program } from "#cli/program.ts";
import { applyPlan } from "#cloudconfig/apply.ts";
import { type Action, contentOf, describeAction, needsSystemd } from "#cloudconfig/core/action.ts";
import type { MachineFacts } from "#cloudconfig/core/machine-facts.ts";
import { type Plan, planCloudConfig } from "#cloudconfig/core/plan.ts";
import { describeProblem, type Problem } from "#cloudconfig/core/problem.ts";
import { userDataKind } from "#cloudconfig/core/user-data.ts";
import { exampleFacts, loadCloudConfig } from "#cloudconfig/load-cloud-config.ts";
import type { Step } from "#cloudconfig/outcome.ts";
import { readMachineFacts } from "#cloudconfig/read-facts.ts";
import { readUserData } from "#cloudconfig/read-user-data.ts";
import type { Systemd } from "#systemd/systemd.ts";

const HELP = `Usage: coreos-cloudinit --from-file=FILE [OPTION]...
Configures a machine from its user-data, a cloud-config.

  --from-file=FILE   read the user-data from FILE, or the standard input for -
  --root=DIR         the machine's root directory; default $KEELSON_ROOT, else /
  --validate         only check the user-data: prints what is wrong, line by line
  --dry-run          only show what would be done, in order
  --json             with --dry-run: as JSON
  --ignore-failure   end with status 0 also when the user-data is malformed
  --version, --help

Variables in it: $private_ipv4, $public_ipv4, $private_ipv6, $public_ipv6 (from COREOS_PRIVATE_IPV4 … in the
environment or in etc/environment) and, in the sections of the daemons, $hostname.
Status: 0 applied or valid, 1 malformed or failed, 2 wrong use.
`;

const OPTIONS = {
  "from-file": { type: "string" },
  root: { type: "string" },
  validate: { type: "boolean" },
  "dry-run": { type: "boolean" },
  json: { type: "boolean" },
  "ignore-failure": { type: "boolean" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** `coreos-cloudinit`: applies, checks or shows what user-data asks of a machine. */
export const coreosCloudinit: Program = async (args, io) => {
  const options = parseFlags(args);
  if (options.version) return print(io.stdout, `coreos-cloudinit ${VERSION}\n`);
  if (options.help) return print(io.stdout, HELP);
  const source = options["from-file"];
  if (source === undefined)
    throw new Fault(
      "USAGE",
      "Cannot configure this machine: give the user-data by --from-file=FILE",
    );
  try {
    const text = await readUserData(source, io.stdin);
    const root = options.root ?? io.env["KEELSON_ROOT"] ?? "/";
    const facts = await readMachineFacts(root, io.env);
    if (options.validate) return validate(text, source, facts, io);
    if (userDataKind(text) === "ignition")
      return print(io.stderr, "coreos-cloudinit: this is an Ignition config: nothing to do\n");
    const { config, warnings } = loadCloudConfig(text, source, facts);
    const plan = planCloudConfig(config, facts);
    tellWarnings(io, source, warnings);
    if (options["dry-run"]) return show(plan, options.json ?? false, io);
    await apply(plan, root, io);
    return 0;
  } catch (error) {
    // The original's status for user-data that it cannot use or apply.
    if (!(error instanceof Fault) || !STATUS_1.has(error.code)) throw error;
    io.stderr.write(`coreos-cloudinit: ${error.message}\n`);
    return options["ignore-failure"] && error.code === "CLOUD_CONFIG_INVALID" ? 0 : 1;
  }
};

const STATUS_1: ReadonlySet<string> = new Set([
  "CLOUD_CONFIG_INVALID",
  "FILE_UNREADABLE",
  "FILE_UNWRITABLE",
  "SYSTEMD_FAILED",
]);

/** As the original's, flags may begin with one hyphen too. */
function parseFlags(args: readonly string[]) {
  try {
    const doubled = args.map((arg) => arg.replace(/^-(?=[a-z][a-z-]+(=|$))/, "--"));
    return parseArgs({ args: doubled, options: OPTIONS, strict: true }).values;
  } catch (cause) {
    throw new Fault("USAGE", `${reasonOf(cause)}; coreos-cloudinit --help shows what it takes`, {
      cause,
    });
  }
}

function print(to: Writable, text: string): number {
  to.write(text);
  return 0;
}

function validate(text: string, source: string, facts: MachineFacts, io: Io): number {
  const kind = userDataKind(text);
  if (kind === "script" || kind === "ignition")
    return print(io.stdout, `${source} is no cloud-config (${kind}): nothing to check\n`);
  const { warnings } = loadCloudConfig(text, source, exampleFacts(facts));
  tellWarnings(io, source, warnings);
  return print(io.stdout, `${source} is a valid cloud-config\n`);
}

function tellWarnings(io: Io, source: string, warnings: readonly Problem[]): void {
  for (const problem of warnings) io.stderr.write(`${source}: ${describeProblem(problem)}\n`);
}

function show(plan: Plan, json: boolean, io: Io): number {
  if (json) return print(io.stdout, `${JSON.stringify(plan, undefined, 2)}\n`);
  for (const action of plan.actions) {
    io.stdout.write(`${describeAction(action)}\n`);
    io.stdout.write(indented(contentOf(action)));
  }
  return 0;
}

function indented(text: string): string {
  return text === "" ? "" : `${text.replace(/\n$/, "").replaceAll(/^/gm, "    ")}\n`;
}

async function apply(plan: Plan, root: string, io: Io): Promise<void> {
  const onStep = ({ action, result, note }: Step) =>
    void io.stdout.write(`${describeAction(action)}: ${result}${note ? ` (${note})` : ""}\n`);
  // Before anything is written: without a systemd to start the units, nothing is half done.
  await using systemd = await openIfNeeded(plan.actions, root, io);
  await applyPlan(plan.actions, { root, systemd, onStep, signal: io.signal });
}

async function openIfNeeded(
  actions: readonly Action[],
  root: string,
  io: Io,
): Promise<Systemd | undefined> {
  if (!actions.some(needsSystemd)) return undefined;
  const { openSystemd } = await import("#systemd/open-systemd.ts");
  if (root === "/") {
    const isRoot = process.geteuid?.() === 0; // systemd's own socket is root's alone
    return openSystemd(
      isRoot ? { socketPath: "/run/systemd/private" } : { bus: "system" },
      io.signal,
    );
  }
  const runtime = io.env["XDG_RUNTIME_DIR"] ?? join(root, "run");
  return openSystemd({ socketPath: join(runtime, "systemd/private") }, io.signal);
}
