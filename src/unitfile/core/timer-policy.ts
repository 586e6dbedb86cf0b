import { type Calendar, calendarFlaw, parseCalendar } from "./calendar.ts";
import { isTrue } from "./fleet-values.ts";
import { optionValues, type UnitFile, type UnitFileWarning, type UnitOption } from "./unit-file.ts";

const ON_MISSED = ["skip", "run"] as const;
const ON_OVERLAP = ["skip", "queue", "replace"] as const;

/** When a unit is started by the clock. */
export interface TimerPolicy {
  /** Any of them starts it. */
  readonly calendars: readonly Calendar[];
  /** What becomes of runs that nobody could start in time: nothing, or one for all of them. */
  readonly onMissed: (typeof ON_MISSED)[number];
  /** What becomes of a run that is due while the one before goes on. */
  readonly onOverlap: (typeof ON_OVERLAP)[number];
}

/** Undefined for a unit that says nothing of a calendar. */
export function timerPolicy(values: (key: string) => readonly string[]): TimerPolicy | undefined {
  const calendars = values("OnCalendar").flatMap((text) => parseCalendar(text) ?? []);
  if (calendars.length === 0) return undefined;
  const missed = values("OnMissed").at(-1);
  const overlap = values("OnOverlap").at(-1);
  return {
    calendars,
    onMissed: ON_MISSED.find((word) => word === missed) ?? "skip",
    onOverlap: ON_OVERLAP.find((word) => word === overlap) ?? "skip",
  };
}

/** Of which form the values of each key have to be, in words that follow "is not". */
export const TIMER_RULES: readonly (readonly [
  key: string,
  expected: string,
  isUsable: (value: string) => boolean,
  /** Which part of a value that is not is wrong. */
  flawOf?: (value: string) => string | undefined,
])[] = [
  [
    "OnCalendar",
    "a calendar event such as daily, Mon..Fri 08:30 or *:0/15 Europe/Berlin, systemd.time(7)",
    (value) => calendarFlaw(value) === undefined,
    calendarFlaw,
  ],
  ["OnMissed", "skip or run", (value) => ON_MISSED.some((word) => word === value)],
  ["OnOverlap", "skip, queue or replace", (value) => ON_OVERLAP.some((word) => word === value)],
];

/** What keeps a line about a timer from meaning anything in this unit. */
export function timerMisplaced(
  { name: key, line }: UnitOption,
  all: readonly UnitOption[],
  file: UnitFile,
  name: string,
): UnitFileWarning | undefined {
  if (!TIMER_RULES.some(([known]) => known === key)) return undefined;
  if (!all.some((option) => option.name === "OnCalendar"))
    return {
      line,
      message: `${key} in [X-Fleet] section has no meaning without OnCalendar`,
      advice: "add a line OnCalendar=, or remove this one",
    };
  if (!name.endsWith(".service"))
    return {
      line,
      message: `${key} in [X-Fleet] section is for services`,
      advice: "say it in the service that is to run",
    };
  if (!isTrue(optionValues(file, "Service", "RemainAfterExit").at(-1))) return undefined;
  return {
    line,
    message: `${key} in [X-Fleet] section cannot be used with RemainAfterExit: the service would never end`,
    advice: "remove RemainAfterExit",
  };
}
