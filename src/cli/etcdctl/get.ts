import { type Command, EXIT, keyOf } from "./command.ts";
import { printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const get: Command = {
  name: "get",
  usage: "show the value of a key",
  argsUsage: "<key>",
  flags: [
    { name: "sort", kind: "bool", usage: "accepted; a value has no order" },
    { name: "quorum", alias: "q", kind: "bool", usage: "agree with a majority before answering" },
  ],
  run: (given) =>
    withKeys(given, async ({ client, signal }) => {
      const options = { sorted: given.flags.bool("sort"), quorum: given.flags.bool("quorum") };
      const reply = await client.get(keyOf(given.args), options, signal);
      if (reply.event.node.dir) {
        given.io.stderr.write(`${reply.event.node.key}: is a directory\n`);
        return EXIT.badArguments;
      }
      printReply(given, reply);
      return 0;
    }),
};
