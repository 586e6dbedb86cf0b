import { type Command, keyOf, TTL_FLAG, ttlOf, valueOf } from "./command.ts";
import { printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const set: Command = {
  name: "set",
  usage: "give a key a value",
  argsUsage: "<key> <value>",
  description:
    "Without <value> it is read from standard input. Options end at --:\n   etcdctl set -- <key> <value> takes any key and value.",
  flags: [
    TTL_FLAG,
    { name: "swap-with-value", kind: "text", usage: "only if this is the present value" },
    { name: "swap-with-index", kind: "integer", usage: "only if this is the present index" },
  ],
  run: (given) =>
    withKeys(given, async ({ client, signal }) => {
      const key = keyOf(given.args);
      const prevValue = given.flags.text("swap-with-value");
      const prevIndex = given.flags.number("swap-with-index");
      const options = {
        ...ttlOf(given.flags),
        ...(prevValue === "" ? {} : { prevValue }),
        ...(prevIndex === 0 ? {} : { prevIndex }),
      };
      printReply(given, await client.set(key, await valueOf(given), options, signal));
      return 0;
    }),
};
