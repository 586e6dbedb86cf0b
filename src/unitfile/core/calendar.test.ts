import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { calendarFlaw, nextElapse, parseCalendar } from "./calendar.ts";

const ITERATIONS = 4;

/** The next times after a moment, as ISO 8601 gives them; undefined for an expression that is none. */
function elapses(text: string, after: string): string[] | undefined {
  const calendar = parseCalendar(text);
  if (calendar === undefined) return undefined;
  const times: string[] = [];
  let at = Date.parse(after);
  while (times.length < ITERATIONS) {
    const next = nextElapse([calendar], at);
    if (next === undefined) break;
    assert.ok(next > at, `${text} after ${at}`);
    times.push(new Date(next).toISOString().replace(".000Z", "Z"));
    at = next;
  }
  return times;
}

const CASES: readonly (readonly [text: string, after: string, first: string | undefined])[] = [
  ["daily", "2026-02-28T12:00:00Z", "2026-03-01T00:00:00Z"],
  ["*:0/15", "2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
  ["*-*-* *:*:00/10", "2026-01-01T00:00:09.500Z", "2026-01-01T00:00:10Z"],
  ["Mon..Fri 08:30", "2026-11-20T08:30:00Z", "2026-11-23T08:30:00Z"],
  ["*-*~01 23:00", "2028-02-01T00:00:00Z", "2028-02-29T23:00:00Z"],
  ["*-02~03..01", "2027-02-01T00:00:00Z", undefined],
  ["Sun *-*-1..7 03:00", "2026-11-01T03:00:00Z", "2026-12-06T03:00:00Z"],
  // Clocks go from 2:00 to 3:00 that day, so it is skipped; another day they show 2:30 twice.
  ["02:30 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"],
  ["02:30 Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"],
  ["02:30 Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
  ["2020-01-01", "2026-01-01T00:00:00Z", undefined],
  ["*-02-30", "2026-01-01T00:00:00Z", undefined],
];

for (const [text, after, first] of CASES)
  test(`${text} comes next after ${after}: ${first ?? "never"}`, () => {
    assert.equal(elapses(text, after)?.[0], first);
  });

const FLAWS: readonly (readonly [text: string, flaw: string])[] = [
  ["", "it is empty"],
  ["UTC", '"UTC" is no day of the week, nor a word such as daily'],
  ["noon", '"noon" is no day of the week, nor a word such as daily'],
  ["Mon,Tus 12:00", '"Mon,Tus" is no day of the week, nor a word such as daily'],
  ["Fri..Mon", "Fri..Mon goes backwards: the week begins on Monday"],
  ["daily 12:00", 'only a time zone may follow "daily"'],
  ["25:00", "hour 25 is over 23"],
  ["Mon 1..24:00", "hour 24 is over 23"],
  ["12:60", "minute 60 is over 59"],
  ["12:00:99", "second 99 is over 59"],
  ["*-13-01", "month 13 is over 12"],
  ["*-*-0", "day 0 is under 1"],
  ["1969-01-01", "year 1969 is under 1970"],
  ["2200-01-01", "year 2200 is over 2199"],
  ["*-*~29", "day from the end 29 is over 28"],
  ["*-*-9..5", "day 9..5 goes backwards"],
  ["*:0/0", "minute 0/0 has a step of 0"],
  ["*:50/15", "minute 50/15 has a step that leads past its end"],
  ["*:1x", 'minute "1x" is no number, range (1..5) or step (0/15)'],
  ["12:00:05..5", "second 05..5 is a range of a single one"],
  ["*-*-* 12", '"12" is no time of day: write HOUR:MINUTE or HOUR:MINUTE:SECOND'],
  ["1-2-3-4", '"1-2-3-4" is no date: write YEAR-MONTH-DAY or MONTH-DAY'],
  ["12:00 Europe/Nowhere", '"Europe/Nowhere" is no time zone, such as UTC or Europe/Berlin'],
  ["12:00 PM", '"PM" is no time zone, such as UTC or Europe/Berlin'],
  ["12:00 UTC UTC", "more than one time zone is given"],
  ["12:00 ", "there is a blank too many behind 12:00"],
  [
    "08:30 Mon",
    '"Mon" stands behind the time of day: days of the week and the date come before it',
  ],
];

for (const [text, flaw] of FLAWS)
  test(`${JSON.stringify(text)} is no calendar event: ${flaw}`, () => {
    assert.equal(parseCalendar(text), undefined);
    assert.equal(calendarFlaw(text), flaw);
  });

const NEVER: readonly (readonly [text: string, flaw: string])[] = [
  ["*-02-30", "it never comes: the month has no such day"],
  ["*-04,06-31 12:00 Europe/Berlin", "it never comes: the month has no such day"],
  ["2027-02-29", "it never comes: the month has no such day"],
  ["Mon 2028-02-29", "it never comes: the date is none of these days of the week"],
  ["2026-03-29 02:30 Europe/Berlin", "it never comes: clocks of the time zone never show that"],
];

for (const [text, flaw] of NEVER)
  test(`${text} is a calendar event, but ${flaw}`, () => {
    assert.notEqual(parseCalendar(text), undefined);
    assert.equal(calendarFlaw(text), flaw);
  });

test("what comes once, or came, has no flaw", () => {
  for (const text of ["1970-01-01", "2199-12-31", "Tue *-02-29", "*-02-29", "Fri 13..17:0/20"])
    assert.equal(calendarFlaw(text), undefined);
});

/** What systemd says of the same; undefined for those it refuses. */
function systemdElapses(texts: readonly string[], after: string): Map<string, string[]> {
  const base = `${after.slice(0, 10)} ${after.slice(11, 19)} UTC`;
  const { stdout } = spawnSync(
    "systemd-analyze",
    ["calendar", `--base-time=${base}`, `--iterations=${ITERATIONS}`, "--", ...texts],
    { env: { ...process.env, TZ: "UTC", LC_ALL: "C" }, encoding: "utf8", maxBuffer: 1e8 },
  );
  const found = new Map<string, string[]>();
  let times: string[] = [];
  let form = "";
  for (const line of stdout.split("\n")) {
    const [, key = "", value = ""] = /^\s*([^:]+): (.*)$/.exec(line) ?? [];
    if (key === "Original form") form = value;
    // It leaves the first form out when that is the normal one.
    if (key === "Normalized form") {
      times = [];
      found.set(form || value, times);
      form = "";
    }
    const [, day, time] = /^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(value) ?? [];
    if (/^Next elapse$|^Iter/.test(key) && day !== undefined) times.push(`${day}T${time}Z`);
  }
  return found;
}

const hasAnalyze = spawnSync("systemd-analyze", ["calendar", "daily"]).status === 0;
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
const DAYS = ["Mon", "tue", "Wednesday", "Thu", "FRI", "Sat", "Sun"];

/** Expressions of every form, some of them wrong. */
class Expressions {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): string {
    const parts = [
      this.#maybe(0.35, () => this.#weekdays()),
      this.#maybe(0.6, () => this.#date()),
      this.#maybe(0.7, () => this.#time()),
    ].filter((part) => part !== "");
    const event =
      parts.length === 0 ? this.#one(["daily", "Hourly", "weekly", "quarterly"]) : parts.join(" ");
    return `${event}${this.#maybe(0.4, () => ` ${this.#one(ZONES)}`)}`;
  }

  #below = (n: number): number => Math.floor(this.#random() * n);
  #one = <T>(from: readonly T[]): T => from[this.#below(from.length)]!;
  #maybe = (chance: number, make: () => string): string => (this.#random() < chance ? make() : "");

  #weekdays(): string {
    const some = () => this.#one(DAYS);
    return this.#one([
      some,
      () => `${some()}..${some()}`,
      () => `${some()},${some()}`,
      () => `${some()}-${some()}`,
    ])();
  }

  #date(): string {
    const month = this.#chain(1, 12);
    const separator = this.#random() < 0.25 ? "~" : "-";
    const day = this.#chain(1, separator === "~" ? 6 : 31);
    const year = this.#maybe(
      0.6,
      () => `${this.#one(["*", "*", "2026..2030", "2024/2", "26", "2025,2028"])}-`,
    );
    return `${year}${month}${separator}${day}`;
  }

  #time(): string {
    const second = this.#maybe(0.4, () => `:${this.#chain(0, 59)}`);
    return `${this.#chain(0, 23)}:${this.#chain(0, 59)}${second}`;
  }

  #chain(least: number, most: number): string {
    const count = 1 + this.#below(2) * this.#below(3);
    const parts = Array.from({ length: count }, () => this.#component(least, most, count > 1));
    return this.#random() < 0.3 ? "*" : parts.join(",");
  }

  /** An open repetition stands alone: beside others, systemd 252 carries it over into the next day or month. */
  #component(least: number, most: number, isClosed: boolean): string {
    const number = () => least + this.#below(most - least + (this.#random() < 0.02 ? 4 : 1));
    const text = (n: number) => (this.#random() < 0.5 ? String(n).padStart(2, "0") : String(n));
    const repeat = this.#maybe(
      0.3,
      () => `/${this.#below(Math.ceil(most / 2)) + (this.#random() < 0.05 ? 0 : 1)}`,
    );
    const [a, b] = [number(), number()];
    const range = this.#maybe(0.3, () => `..${text(this.#random() < 0.9 ? Math.max(a, b) : b)}`);
    if (range === "") return `${text(a)}${isClosed ? "" : repeat}`;
    return `${text(Math.min(a, b))}${range}${repeat}`;
  }
}

test("thousands of expressions mean what they mean to systemd", { skip: !hasAnalyze }, () => {
  const random = seededRandom(Number(process.env["KEELSON_TEST_SEED"] ?? 11));
  const expressions = new Expressions(random);
  let compared = 0;
  let refused = 0;
  for (let round = 0; round < 60; round++) {
    // Half of them begin near a change of the clocks.
    const near = [
      Date.UTC(2026, 2, 27),
      Date.UTC(2027, 9, 29),
      Date.UTC(2026, 2, 7),
      Date.UTC(2028, 9, 31),
    ];
    const from =
      round % 2 === 0
        ? near[(round / 2) % 4]! + random() * 3 * 86_400_000
        : Date.UTC(2024) + random() * 2e11;
    const after = new Date(Math.floor(from / 1000) * 1000).toISOString();
    const texts = Array.from({ length: 100 }, () => expressions.next());
    const theirs = systemdElapses(texts, after);
    for (const text of texts) {
      assert.deepEqual(elapses(text, after), theirs.get(text), `${text} after ${after}`);
      const isEver = theirs.get(text)?.length !== 0 && theirs.has(text);
      if (isEver) assert.equal(calendarFlaw(text), undefined, text);
      if (!theirs.has(text)) assert.notEqual(calendarFlaw(text), undefined, text);
      compared += 1;
      if (!theirs.has(text)) refused += 1;
    }
  }
  assert.ok(
    compared === 6000 && refused > 200 && refused < 3000,
    `${refused} of ${compared} refused`,
  );
});
