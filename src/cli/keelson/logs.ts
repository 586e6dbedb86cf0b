import { createReadStream, existsSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import { oneMachine, openLocalCluster } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseCount, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";
import { runInTerminal } from "#cli/run-in-terminal.ts";

/** What a machine said at its last boot and what is in its journal, also of one that is off. */
export async function logs(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("logs", args, "names", {
    ...COMMON_OPTIONS,
    follow: { type: "boolean", short: "f" },
    lines: { type: "string", short: "n" },
    unit: { type: "string", short: "u", multiple: true },
  });
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0)
    throw new Fault("USAGE", "Cannot show logs: name one machine, as in `keelson logs core-01`");
  const local = await openLocalCluster(io, values);
  const machine = await oneMachine(local, name);
  const { console, journal } = local.provider.logs(machine.name);
  const lines = parseCount("lines", values.lines);
  const units = values.unit ?? [];
  if (lines === undefined && units.length === 0 && existsSync(console))
    await pipeline(createReadStream(console), io.stdout, { end: false, signal: io.signal });
  if (!existsSync(journal)) {
    io.stderr.write(`==> ${machine.name}: has no journal yet; it never booted so far\n`);
    return 0;
  }
  const option = local.provider.manager === "user" ? "--user-unit" : "--unit";
  return await runInTerminal(
    [
      "journalctl",
      `--directory=${journal}`,
      "--no-pager",
      ...(lines === undefined ? [] : [`--lines=${lines}`]),
      ...(values.follow === true ? ["--follow"] : []),
      ...(values.follow === true && lines === undefined ? ["--no-tail"] : []),
      ...units.map((unit) => `${option}=${unit}`),
    ],
    io,
  );
}
