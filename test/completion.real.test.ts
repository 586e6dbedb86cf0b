import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { FakeFleet } from "./fleetctl-api.ts";
import { runFleetctl, unitDirectory } from "./fleetctl-run.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

const HOME = join(import.meta.dirname, "..");
const LIMIT_MS = 60_000;
const [A] = MACHINES.map(({ id }) => id);

interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly run: (words: readonly string[], typed?: string) => Promise<string>;
}

/** A cluster with some units, a directory with their files, and shells with the real program on their PATH. */
async function openPlace(): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(await unitDirectory(UNIT_FILES));
  const fleet = stack.use(new FakeFleet(MACHINES));
  const socket = join(directory, "fleet.sock");
  await fleet.listen(socket);
  const env = { FLEETCTL_ENDPOINT: `unix://${socket}` };
  await runFleetctl(["submit", "foo", "t@1", "t@2"], { cwd: directory, env });
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await runFleetctl(["completion", shell], { cwd: directory });
    await writeFile(join(directory, shell === "zsh" ? "_fleetctl" : `fleetctl.${shell}`), stdout);
  }
  const owned = stack.move();
  const run: Place["run"] = (words, typed) => shellOutput(words, typed, { directory, env });
  return { directory, socket, run, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What a shell prints, on a terminal of its own when something is typed. */
async function shellOutput(
  words: readonly string[],
  typed: string | undefined,
  { directory, env }: { readonly directory: string; readonly env: Record<string, string> },
): Promise<string> {
  const [program, ...args] =
    typed === undefined ? words : ["script", "-qec", words.join(" "), "/dev/null"];
  const child = spawn(program!, args, {
    cwd: directory,
    env: {
      ...env,
      PATH: `${join(HOME, "bin")}:${process.env["PATH"]}`,
      HOME: directory,
      TERM: "dumb",
      KEELSON_SOURCE: "1",
      INPUTRC: "/dev/null",
    },
    stdio: "pipe",
    timeout: LIMIT_MS,
  });
  let output = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  if (typed === undefined) child.stdin.end();
  else child.stdin.write(typed);
  const [exit] = await once(child, "close");
  assert.deepEqual([exit, complaints], [0, ""], `${words.join(" ")}: ${output}`);
  return output;
}

test("bash completes commands, flags, values, units, machines and files", async () => {
  await using place = await openPlace();
  const commands = "list-machines list-timers list-unit-files list-units";
  const cases: readonly (readonly [string, string])[] = [
    ["fleetctl list-", commands],
    ["fleetctl --debug --endpoint x list-", commands],
    [`fleetctl --endpoint=unix://${place.socket} is-active f`, "foo.service"],
    ["fleetctl is-active ", "foo.service t@1.service t@2.service"],
    ["fleetctl is-active -q foo.service t@", "@1.service @2.service"],
    ["fleetctl is-active t@1", "@1.service"],
    ["fleetctl wait --f", "--for="],
    ["fleetctl wait --for=in", "inactive"],
    ["fleetctl wait --for fa", "failed"],
    ["fleetctl wait --for active fo", "foo.service"],
    ["fleetctl list-units --js", "--json"],
    ["fleetctl list-units --fields=ac", "active"],
    ["fleetctl start pinb", "pinbad.service"],
    ["fleetctl start ./met", "./meta.service ./metaand.service ./metanone.service"],
    ["fleetctl ssh 1111", A!],
    ["fleetctl ssh --machine=1111", A!],
    ["fleetctl ssh --unit=t@2", "@2.service"],
    ["fleetctl help is-", "is-active is-failed"],
    ["fleetctl completion z", "zsh"],
    ["fleetctl list-machines f", ""],
    ["fleetctl --endpoint=unix:///nowhere is-active f", ""],
  ];
  const script = [
    "source fleetctl.bash",
    "while read -r COMP_LINE; do",
    "  COMP_LINE=${COMP_LINE%|} COMP_POINT=${#COMP_LINE}",
    "  COMP_POINT=${#COMP_LINE}",
    "  _fleetctl",
    '  echo "${COMPREPLY[*]}"',
    "done <lines",
  ].join("\n");
  await writeFile(join(place.directory, "lines"), cases.map(([line]) => `${line}|\n`).join(""));
  await writeFile(join(place.directory, "try.bash"), script);
  const output = await place.run(["bash", "try.bash"]);
  assert.deepEqual(
    output
      .split("\n")
      .slice(0, -1)
      .map((replies, i) => [cases[i]?.[0], replies]),
    cases,
  );
});

/** Puts the line into quotes, so that the shell prints what it has become. */
const SHOWN = "\u0001echo 'got: \u0005'\r";

test("bash puts what it completes into the line", async () => {
  await using place = await openPlace();
  const typed = [
    "source fleetctl.bash\r",
    `fleetctl is-act\tt@2\t--js\t${SHOWN}`,
    `true; fleetctl wait --fo\tgon\tfo\t${SHOWN}`,
    "exit\r",
  ].join("");
  const output = await place.run(["bash --norc --noprofile -i"], typed);
  assert.match(output, /^got: fleetctl is-active t@2\.service --json\s*$/m);
  assert.match(output, /^got: true; fleetctl wait --for=gone foo\.service/m);
});

test("zsh puts what it completes into the line", async () => {
  await using place = await openPlace();
  const typed = [
    "PS1= fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; bindkey -e\r",
    `fleetctl is-act\tt@2\t--js\t${SHOWN}`,
    `fleetctl wait --fo\tgon\tfo\t${SHOWN}`,
    `fleetctl ssh 2222\t${SHOWN}`,
    `fleetctl start pinb\t${SHOWN}`,
    "exit\r",
  ].join("");
  const output = await place.run(["zsh -f -i"], typed);
  assert.match(output, /^got: fleetctl is-active t@2\.service --json\s*$/m);
  assert.match(output, /^got: fleetctl wait --for=gone foo\.service\s*$/m);
  assert.match(output, new RegExp(`^got: fleetctl ssh ${MACHINES[1]!.id}\\s*$`, "m"));
  assert.match(output, /^got: fleetctl start pinbad\.service\s*$/m);
});

test("fish completes commands, flags, values, units, machines and files", async () => {
  await using place = await openPlace();
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["fleetctl list-m", ["list-machines\tList the machines of the cluster"]],
    ["fleetctl is-active foo", ["foo.service\tFoo sleeper"]],
    ["fleetctl --debug is-active -q t@", ["t@1.service", "t@2.service"]],
    ["fleetctl --endpoint x list-m", ["list-machines\tList the machines of the cluster"]],
    ["fleetctl wait --for=in", ["--for=inactive"]],
    ["fleetctl list-units --js", ["--json"]],
    ["fleetctl ssh 1111", [`${A}\t172.31.7.11`]],
    ["fleetctl start pinb", ["pinbad.service"]],
    ["fleetctl list-machines fo", []],
    [`fleetctl --endpoint=unix:///nowhere is-active fo`, []],
  ];
  const script = [
    "source fleetctl.fish",
    ...cases.flatMap(([line]) => [`complete -C '${line}'`, "echo ---"]),
  ].join("\n");
  await writeFile(join(place.directory, "try.fish"), script);
  const output = await place.run(["fish", "--no-config", "try.fish"]);
  const got = output
    .split("---\n")
    .slice(0, -1)
    .map((text) => text.split("\n").slice(0, -1));
  for (const [i, [line, replies]] of cases.entries())
    assert.deepEqual(
      got[i]?.map((reply) =>
        replies.some((r) => r.includes("\t")) ? reply : reply.split("\t")[0],
      ),
      replies,
      line,
    );
});
