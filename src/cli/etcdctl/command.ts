import type { Io } from "#cli/program.ts";
import type { KeysClient } from "#keys/client.ts";
import type { Flag, FlagValues } from "./flags.ts";

export interface CommandRun {
  readonly flags: FlagValues;
  readonly args: readonly string[];
  readonly globals: FlagValues;
  readonly io: Io;
}

export interface Command {
  readonly name: string;
  readonly usage: string;
  /** Behind the name in the usage line. */
  readonly argsUsage: string;
  readonly description?: string;
  readonly flags: readonly Flag[];
  readonly run: (given: CommandRun) => Promise<number>;
}

/** An end with a message on stderr, behind `Error:  ` unless it is `plain`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly exit: number;
  readonly plain: boolean;

  constructor(
    message: string,
    exit: number,
    { plain = false, cause }: { readonly plain?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.exit = exit;
    this.plain = plain;
  }
}

/** A mistake in the command line, said as the original's newer commands do. */
export function plainRefusal(message: string): Refusal {
  return new Refusal(message, EXIT.badArguments, { plain: true });
}

/** etcdctl's exit statuses. */
export const EXIT = {
  badArguments: 1,
  badConnection: 2,
  unknownCommand: 3,
  serverError: 4,
  unhealthy: 5,
} as const;

/** A connected command's world. */
export interface Connected {
  readonly client: KeysClient;
  /** Where it sends what. */
  readonly endpoints: readonly string[];
  readonly signal: AbortSignal;
}

export const TTL_FLAG: Flag = { name: "ttl", kind: "integer", usage: "seconds until the key ends" };
export const RECURSIVE_FLAG: Flag = {
  name: "recursive",
  alias: "r",
  kind: "bool",
  usage: "also everything below the key",
};

/** @throws {Refusal} when there is no first argument. */
export function keyOf(args: readonly string[]): string {
  const [key] = args;
  if (key === undefined) throw new Refusal("key required", EXIT.badArguments);
  return key;
}

/**
 * The second argument, or without one all of stdin.
 * @throws {Refusal} when both are missing or stdin is empty.
 */
export async function valueOf({ args, io }: CommandRun): Promise<string> {
  if (args[1] !== undefined) return args[1];
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin as AsyncIterable<Buffer | string>)
    chunks.push(Buffer.from(chunk));
  const value = Buffer.concat(chunks).toString();
  if (value === "") throw new Refusal("value required", EXIT.badArguments);
  return value;
}

/** A time to live is sent when it is one. */
export function ttlOf(flags: FlagValues): { readonly ttlSeconds?: number } {
  const ttlSeconds = flags.number("ttl");
  return ttlSeconds > 0 ? { ttlSeconds } : {};
}

/** @throws {Refusal} when there is an argument. */
export function acceptNoArguments(args: readonly string[]): void {
  if (args.length > 0) throw plainRefusal("No arguments accepted");
}
