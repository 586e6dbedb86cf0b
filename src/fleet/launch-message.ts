/** What a shell exits with for a command that is not there, and for one that cannot be executed, POSIX.1 XCU 2.8.2. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** Programs that start the command in a unit's surroundings, by what their messages begin with. */
const STARTERS = ["setpriv: ", "nsenter: ", "/bin/sh: 1: exec: ", "sh: 1: exec: "];
const HELD_BYTES_MAX = 4_096;

/**
 * Keeps back what may be the only thing that is printed: the message of a program that was to start the command and
 * cannot, in its own words.
 */
export class LaunchMessage {
  #held = "";
  #isOpen = true;
  readonly #starters: readonly string[];

  /** @param command one that is such a program itself may say what it likes */
  constructor(command: string) {
    const own = command.slice(command.lastIndexOf("/") + 1);
    this.#starters = STARTERS.filter((starter) => !starter.startsWith(`${own}:`));
  }

  /** What of the output may be passed on; empty while it is held. */
  take(bytes: Uint8Array): Uint8Array {
    if (!this.#isOpen) return bytes;
    this.#held += Buffer.from(bytes).toString("latin1");
    const isWhole = (starter: string) => this.#held.startsWith(starter);
    const isBegun = (starter: string) => starter.startsWith(this.#held);
    const isOneLine = /^[^\n]*\n?$/.test(this.#held) && this.#held.length <= HELD_BYTES_MAX;
    if (isOneLine && this.#starters.some((one) => isWhole(one) || isBegun(one)))
      return new Uint8Array();
    this.#isOpen = false;
    return this.#release();
  }

  /**
   * Once the program has ended: what is left to pass on, or why the command could not be started, in words that follow
   * the command.
   */
  end(status: number): { readonly rest: Uint8Array; readonly failure: string | undefined } {
    const said = this.#held;
    const isMessage = this.#isOpen && this.#starters.some((starter) => said.startsWith(starter));
    if (!isMessage || (status !== NOT_FOUND && status !== NOT_EXECUTABLE))
      return { rest: this.#release(), failure: undefined };
    this.#held = "";
    return { rest: new Uint8Array(), failure: launchFailure(status) };
  }

  #release(): Uint8Array {
    const bytes = Buffer.from(this.#held, "latin1");
    this.#held = "";
    return bytes;
  }
}

function launchFailure(status: number): string {
  return status === NOT_FOUND ? "command not found" : "it is there, but cannot be executed";
}

/** The same for a program that the kernel refuses to start, by its error; undefined for other troubles. */
export function spawnFailure(
  code: string | undefined,
): { readonly status: number; readonly failure: string } | undefined {
  const status = code === "ENOENT" ? NOT_FOUND : code === "EACCES" ? NOT_EXECUTABLE : undefined;
  return status && { status, failure: launchFailure(status) };
}
