import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { type Local, openLocalCluster, quickstartUserData } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseCount, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";
import { isNetwork } from "#machines/core/project-values.ts";
import { wishOfOptions } from "#machines/core-wish.ts";
import { soundProject, wishOfProject } from "#machines/project-wish.ts";
import type { Wish } from "#machines/wish.ts";

/** First three bytes of addresses. @throws {Fault} USAGE */
export function parseNetwork(text: string | undefined): string | undefined {
  if (text === undefined || isNetwork(text)) return text;
  throw new Fault(
    "USAGE",
    `Cannot use --network ${text}: expected the first three bytes of the machines' addresses, such as 127.0.5`,
  );
}

/** What a project file says instead, by option. */
const SAID_BY_FILE = {
  machines: "`count:` of its groups",
  servers: "`servers:` of its groups",
  "user-data": "`user-data:` of its groups",
  metadata: "`metadata:` of its groups",
  network: "`network:`",
} as const;

export interface WishOptions {
  readonly machines?: string | undefined;
  readonly servers?: string | undefined;
  readonly "user-data"?: string | undefined;
  readonly metadata?: readonly string[] | undefined;
  readonly network?: string | undefined;
}

/**
 * What the project file wants, or without one the options.
 * @throws {Fault} CONFIG_INVALID, USAGE for options beside a project file
 */
export async function wishOf({ project }: Local, values: WishOptions, io: Io): Promise<Wish> {
  const ownUserData = await quickstartUserData(io);
  if (project !== undefined) {
    for (const [option, instead] of Object.entries(SAID_BY_FILE))
      if (values[option as keyof typeof SAID_BY_FILE] !== undefined)
        throw new Fault(
          "USAGE",
          `Cannot use --${option} here: the project file ${project.file} says what there is; edit ${instead}`,
        );
    return wishOfProject(project.file, soundProject(project), ownUserData);
  }
  const userData = values["user-data"];
  return wishOfOptions({
    count: parseCount("machines", values.machines),
    servers: parseCount("servers", values.servers),
    userData: userData === undefined ? undefined : resolve(io.cwd, userData),
    ownUserData,
    metadata: values.metadata ?? [],
    network: parseNetwork(values.network),
  });
}

export async function up(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("up", args, "names", {
    ...COMMON_OPTIONS,
    provider: { type: "string" },
    machines: { type: "string" },
    servers: { type: "string" },
    "user-data": { type: "string" },
    metadata: { type: "string", multiple: true },
    network: { type: "string" },
  });
  const local = await openLocalCluster(io, values);
  const wish = await wishOf(local, values, io);
  try {
    await local.cluster.up(positionals, wish, io.signal);
  } catch (error) {
    throw withAdvice(error, local);
  }
  return 0;
}

/** How there can be more machines, for a person who named one too many. */
function withAdvice(error: unknown, { project }: Local): unknown {
  if (!(error instanceof Fault) || error.code !== "MACHINE_NOT_FOUND") return error;
  const advice =
    project === undefined
      ? "`keelson up --machines N` makes more"
      : `${project.file} says which there shall be`;
  return new Fault("MACHINE_NOT_FOUND", `${error.message}; ${advice}`, { cause: error });
}
