import type { Reply } from "#keys/keys.ts";
import { type Command, type CommandRun, type Connected, keyOf, RECURSIVE_FLAG } from "./command.ts";
import type { Flag } from "./flags.ts";
import { print, printReply } from "./print-reply.ts";
import { withEndlessKeys } from "./session.ts";

export const WATCH_FLAGS: readonly Flag[] = [
  {
    name: "after-index",
    kind: "integer",
    usage: "from the change behind this index, not from now",
  },
  RECURSIVE_FLAG,
];

export const watch: Command = {
  name: "watch",
  usage: "wait for a change and show it",
  argsUsage: "<key>",
  flags: [
    { name: "forever", alias: "f", kind: "bool", usage: "go on until interrupted" },
    ...WATCH_FLAGS,
  ],
  run: (given) =>
    withEndlessKeys(given, async (connected) => {
      for await (const reply of repliesTo(given, keyOf(given.args), connected)) {
        const { action, node } = reply.event;
        if (node.dir) continue;
        if (given.flags.bool("recursive")) print(given.io, `[${action}] ${node.key}`);
        printReply(given, reply);
        if (!given.flags.bool("forever")) break;
      }
      return 0;
    }),
};

/** The changes that the flags ask for; ends when the person interrupts. */
export async function* repliesTo(
  { flags }: CommandRun,
  key: string,
  { client, signal }: Connected,
): AsyncGenerator<Reply> {
  const after = flags.number("after-index");
  const options = {
    recursive: flags.bool("recursive"),
    ...(after > 0 ? { fromIndex: after + 1 } : {}),
  };
  try {
    yield* client.watchReplies(key, options, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
