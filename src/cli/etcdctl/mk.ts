import { type Command, keyOf, TTL_FLAG, ttlOf, valueOf } from "./command.ts";
import { printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const mk: Command = {
  name: "mk",
  usage: "make a key that does not exist yet",
  argsUsage: "<key> <value>",
  flags: [
    { name: "in-order", kind: "bool", usage: "<key> is a directory, the new key's name is chosen" },
    TTL_FLAG,
  ],
  run: (given) =>
    withKeys(given, async ({ client, signal }) => {
      const key = keyOf(given.args);
      const value = await valueOf(given);
      const ttl = ttlOf(given.flags);
      const reply = given.flags.bool("in-order")
        ? await client.createInOrder(key, value, ttl, signal)
        : await client.set(key, value, { prevExist: false, ...ttl }, signal);
      printReply(given, reply);
      return 0;
    }),
};
