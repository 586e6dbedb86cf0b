import { createHash } from "node:crypto";

/** Everything of note that happened in a run, in order, and a hash over it by which two runs are compared. */
export class Trace {
  readonly lines: string[] = [];
  readonly #hash = createHash("sha1");
  readonly #nowMs: () => number;
  readonly #print: ((line: string) => void) | undefined;

  constructor(nowMs: () => number, print?: (line: string) => void) {
    this.#nowMs = nowMs;
    this.#print = print;
  }

  add(text: string): void {
    const line = `${this.#nowMs().toFixed(3).padStart(10)} ${text}`;
    this.lines.push(line);
    this.#hash.update(line);
    this.#print?.(line);
  }

  get hash(): string {
    return this.#hash.copy().digest("hex");
  }
}

/** What was found to be wrong; each kind of violation is kept once per run and subject. */
export class Violations {
  readonly found: string[] = [];
  readonly #told = new Set<string>();
  readonly #trace: Trace;
  readonly #until: RegExp | undefined;

  constructor(trace: Trace, until?: RegExp) {
    this.#trace = trace;
    this.#until = until;
  }

  /** Whether that was found which alone is looked for. */
  get isEnough(): boolean {
    return this.#until !== undefined && this.found.some((text) => this.#until?.test(text));
  }

  /** `subject` tells apart what may be wrong several times under one invariant. */
  add(invariant: string, subject: string, seen: string): void {
    const key = `${invariant}\n${subject}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    const text = `${invariant}: ${subject}: ${seen}`;
    this.found.push(text);
    this.#trace.add(`VIOLATION ${text}`);
  }
}
