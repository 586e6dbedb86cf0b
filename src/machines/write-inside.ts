import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";

const run = promisify(execFile);

const SCRIPT = 'mkdir -p "$(dirname "$1")" && cat > "$1.new" && mv "$1.new" "$1"';

/**
 * Writes a file of a running machine as its own root does, so that links on its disk lead to where they lead there.
 * @param enter the command line that runs what follows inside, as of Provider.commandIn
 * @throws {Fault} FILE_UNWRITABLE
 */
export async function writeInside(
  enter: readonly string[],
  path: string,
  text: string,
): Promise<void> {
  const [command = "", ...args] = enter;
  try {
    const writing = run(command, [...args, "sh", "-c", SCRIPT, "sh", path]);
    writing.child.stdin?.on("error", () => {}); // its end tells why
    writing.child.stdin?.end(text);
    await writing;
  } catch (cause) {
    throw new Fault(
      "FILE_UNWRITABLE",
      `Cannot write ${path} in a running machine: ${reasonOf(cause).trim()}; halt it and try again`,
      { cause },
    );
  }
}
