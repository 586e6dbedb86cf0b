import type { DeleteOptions } from "#keys/keys.ts";
import { type Command, type CommandRun, keyOf, RECURSIVE_FLAG } from "./command.ts";
import { outputOf, printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const rm: Command = {
  name: "rm",
  usage: "remove a key or a directory",
  argsUsage: "<key>",
  flags: [
    { name: "dir", kind: "bool", usage: "also an empty directory" },
    RECURSIVE_FLAG,
    { name: "with-value", kind: "text", usage: "only if this is the present value" },
    { name: "with-index", kind: "integer", usage: "only if this is the present index" },
  ],
  run: (given) => {
    const { flags } = given;
    const prevValue = flags.text("with-value");
    const prevIndex = flags.number("with-index");
    return remove(given, {
      dir: flags.bool("dir"),
      recursive: flags.bool("recursive"),
      ...(prevValue === "" ? {} : { prevValue }),
      ...(prevIndex === 0 ? {} : { prevIndex }),
    });
  },
};

export const rmdir: Command = {
  name: "rmdir",
  usage: "remove an empty directory, or a key",
  argsUsage: "<key>",
  flags: [],
  run: (given) => remove(given, { dir: true }),
};

function remove(given: CommandRun, options: DeleteOptions): Promise<number> {
  return withKeys(given, async ({ client, signal }) => {
    const reply = await client.delete(keyOf(given.args), options, signal);
    const quiet = reply.event.node.dir && outputOf(given.globals) === "simple";
    if (!quiet) printReply(given, reply);
    return 0;
  });
}
