import { type Clock, systemClock } from "#base/clock.ts";
import { HELP, parseFlags } from "#cli/coreos-cloudinit-flags.ts";
import { VERSION } from "#cli/keelson/help.ts";
import type { Io, Program } from "#cli/program.ts";

/** `coreos-cloudinit`: applies, checks or shows what user-data asks of a machine. */
export const coreosCloudinit: Program = (args, io) =>
  cloudinitOn({ clock: systemClock, machineRoot: "/" }, args, io);

/** What the sources stand on, so that tests can stand in for it. */
export interface CloudinitGround {
  readonly clock: Clock;
  readonly machineRoot: string;
}

export async function cloudinitOn(
  ground: CloudinitGround,
  args: readonly string[],
  io: Io,
): Promise<number> {
  const flags = parseFlags(args);
  if (flags.version) return answer(io, `coreos-cloudinit ${VERSION}\n`);
  if (flags.help || flags.h) return answer(io, HELP);
  // It takes a while to load, which who only asks for the version need not wait for.
  const { runCloudinit } = await import("#cli/coreos-cloudinit-run.ts");
  return await runCloudinit(flags, ground, io);
}

function answer({ stdout }: Io, text: string): 0 {
  stdout.write(text);
  return 0;
}
