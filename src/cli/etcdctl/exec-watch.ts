import { spawn } from "node:child_process";
import type { KeyEvent } from "#keys/core/event.ts";
import { type Command, type CommandRun, EXIT, Refusal } from "./command.ts";
import { withEndlessKeys } from "./session.ts";
import { repliesTo, WATCH_FLAGS } from "./watch.ts";

export const execWatch: Command = {
  name: "exec-watch",
  usage: "run a command for every change",
  argsUsage: "<key> [--] <command> [args...]",
  description:
    "The command finds the change in ETCD_WATCH_ACTION, ETCD_WATCH_KEY, ETCD_WATCH_VALUE\n   and ETCD_WATCH_MODIFIED_INDEX.",
  flags: WATCH_FLAGS,
  run: (given) =>
    withEndlessKeys(given, async (connected) => {
      const [key, program, ...args] = given.args;
      if (key === undefined || program === undefined)
        throw new Refusal("key and command to exec required", EXIT.badArguments);
      const failed = new AbortController();
      const signal = AbortSignal.any([connected.signal, failed.signal]);
      for await (const { event } of repliesTo(given, key, { ...connected, signal })) {
        if (event.node.dir) given.io.stderr.write(`Ignored dir ${event.node.key} change\n`);
        else start(given, [program, ...args], event, failed);
      }
      if (failed.signal.aborted) throw failed.signal.reason;
      return 0;
    }),
};

/** Does not wait: a change is not kept from its command by the one before. */
function start(
  { io }: CommandRun,
  [program = "", ...args]: readonly string[],
  { action, node }: KeyEvent,
  failed: AbortController,
): void {
  const env = {
    ...io.env,
    ETCD_WATCH_ACTION: action,
    ETCD_WATCH_KEY: node.key,
    ETCD_WATCH_VALUE: node.value ?? "",
    ETCD_WATCH_MODIFIED_INDEX: String(node.modifiedIndex),
  };
  const child = spawn(program, args, { cwd: io.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(io.stdout, { end: false });
  child.stderr.pipe(io.stderr, { end: false });
  child.once("error", (error) =>
    failed.abort(new Refusal(`cannot run ${program}: ${error.message}`, EXIT.badArguments)),
  );
}
