import { spawnSync } from "node:child_process";
import { ReadStream, WriteStream } from "node:tty";
import { Fault } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";
import type { ExecSize, ExecTerminal } from "#fleet/core/exec-frames.ts";

/** Of terminals that do not say how large they are. */
const SIZE: ExecSize = { columns: 80, rows: 24 };

/** The terminal that a person sits at, to be lent to a program elsewhere. */
export interface LocalTerminal {
  readonly about: ExecTerminal;
  /** Passes on every key as it is, Ctrl-C too, and tells of other sizes, until it is given back. */
  lend(resized: (size: ExecSize) => void): Disposable;
}

/** @throws {Fault} USAGE where nobody sits at one */
export function localTerminal({ env, stdin, stdout }: Io): LocalTerminal {
  if (!(stdin instanceof ReadStream))
    throw new Fault(
      "USAGE",
      "Cannot use --tty: standard input is no terminal; for a pipe or a file use --interactive",
    );
  const screen = stdout instanceof WriteStream ? stdout : undefined;
  const size = () => ({
    columns: screen?.columns || SIZE.columns,
    rows: screen?.rows || SIZE.rows,
  });
  return {
    about: { ...size(), type: env["TERM"] || "dumb" },
    lend(resized) {
      const tell = () => resized(size());
      const before = stty("-g").trim();
      stty("raw", "-echo");
      screen?.on("resize", tell);
      return {
        [Symbol.dispose]: () => {
          screen?.off("resize", tell);
          stty(before);
        },
      };
    },
  };
}

/** Node's own raw mode goes on turning line feeds into new lines, which the terminal there has done where it is meant. */
function stty(...args: readonly string[]): string {
  return spawnSync("stty", args, { stdio: ["inherit", "pipe", "ignore"], encoding: "utf8" }).stdout;
}
