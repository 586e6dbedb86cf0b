import type { SetOptions } from "#keys/keys.ts";
import { type Command, keyOf, TTL_FLAG, ttlOf } from "./command.ts";
import { outputOf, printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const mkdir = directoryCommand("mkdir", "make a directory that does not exist yet", {
  prevExist: false,
});
export const setdir = directoryCommand("setdir", "make a directory", {});
export const updatedir = directoryCommand("updatedir", "renew a directory's time to live", {
  prevExist: true,
});

function directoryCommand(name: string, usage: string, condition: SetOptions): Command {
  return {
    name,
    usage,
    argsUsage: "<key>",
    flags: [TTL_FLAG],
    run: (given) =>
      withKeys(given, async ({ client, signal }) => {
        const options = { dir: true, ...condition, ...ttlOf(given.flags) };
        const reply = await client.set(keyOf(given.args), undefined, options, signal);
        if (outputOf(given.globals) !== "simple") printReply(given, reply);
        return 0;
      }),
  };
}
