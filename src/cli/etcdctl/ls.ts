import type { KeyNode } from "#keys/core/event.ts";
import { type Command, type CommandRun, RECURSIVE_FLAG } from "./command.ts";
import { outputOf, print, printReply } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const ls: Command = {
  name: "ls",
  usage: "list a directory",
  argsUsage: "[key]",
  flags: [
    { name: "sort", kind: "bool", usage: "in the order of the keys" },
    RECURSIVE_FLAG,
    { name: "p", kind: "bool", usage: "end directories with a slash" },
    { name: "quorum", alias: "q", kind: "bool", usage: "agree with a majority before answering" },
  ],
  run: (given) =>
    withKeys(given, async ({ client, signal }) => {
      const { flags, args } = given;
      const options = {
        sorted: flags.bool("sort"),
        recursive: flags.bool("recursive"),
        quorum: flags.bool("quorum"),
      };
      const reply = await client.get(args[0] ?? "/", options, signal);
      const { node } = reply.event;
      if (outputOf(given.globals) !== "simple") printReply(given, reply);
      else if (node.dir) for (const child of node.nodes ?? []) printTree(given, child);
      else print(given.io, node.key);
      return 0;
    }),
};

function printTree(given: CommandRun, node: KeyNode): void {
  const stack = [node];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    print(given.io, at.dir && given.flags.bool("p") ? `${at.key}/` : at.key);
    for (const child of at.nodes?.toReversed() ?? []) stack.push(child);
  }
}
