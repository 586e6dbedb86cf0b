import { type Command, keyOf, TTL_FLAG, ttlOf, valueOf } from "./command.ts";
import { printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const update: Command = {
  name: "update",
  usage: "give a key that exists another value",
  argsUsage: "<key> <value>",
  flags: [TTL_FLAG],
  run: (given) =>
    withKeys(given, async ({ client, signal }) => {
      const key = keyOf(given.args);
      const options = { prevExist: true, ...ttlOf(given.flags) };
      printReply(given, await client.set(key, await valueOf(given), options, signal));
      return 0;
    }),
};
