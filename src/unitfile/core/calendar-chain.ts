import type { Chain, Component } from "./calendar-match.ts";

/** What keeps an expression from being a calendar event: which part, and what is wrong with it. */
export interface CalendarFlaw {
  readonly flaw: string;
}

export function isFlaw<T>(value: T | CalendarFlaw): value is CalendarFlaw {
  return typeof value === "object" && value !== null && "flaw" in value;
}

/** A field of a calendar event: its name in messages, and the least and greatest value. */
export interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Counted from the end of the month. */
  readonly isBackward?: boolean;
}

const COMPONENTS_MAX = 240; // CALENDARSPEC_COMPONENTS_MAX, systemd src/shared/calendarspec.c

/** `*`, or components such as `1,5..9/2`, each `START[..STOP][/REPEAT]`. */
export function parseChain(text: string, field: Field): Chain | CalendarFlaw {
  if (text === "*") return undefined;
  const parts = text.split(",");
  if (parts.length > COMPONENTS_MAX)
    return { flaw: `${field.name} has more than ${COMPONENTS_MAX} values` };
  const chain: Component[] = [];
  for (const part of parts) {
    const component = parseComponent(part, field);
    if (isFlaw(component)) return component;
    chain.push(component);
  }
  return chain;
}

function parseComponent(text: string, field: Field): Component | CalendarFlaw {
  const { name } = field;
  const match = /^(\d+)(?:\.\.(\d+))?(?:\/(\d+))?$/.exec(text);
  if (match === null)
    return { flaw: `${name} ${JSON.stringify(text)} is no number, range (1..5) or step (0/15)` };
  const [start = 0, stop, repeat] = match
    .slice(1)
    .map((digits?: string) => (digits === undefined ? undefined : Number(digits)));
  if (repeat === 0) return { flaw: `${name} ${text} has a step of 0` };
  const component = normalised(start, stop, repeat ?? (stop === undefined ? 0 : 1));
  const flaw = componentFlaw(name === "year" ? withCentury(component) : component, text, field);
  return flaw === undefined ? (name === "year" ? withCentury(component) : component) : { flaw };
}

/** A range ends where its last repetition is. */
function normalised(start: number, stop: number | undefined, repeat: number): Component {
  const last = stop !== undefined && stop > start ? stop - ((stop - start) % repeat) : stop;
  return last === start ? { start, stop: undefined, repeat: 0 } : { start, stop: last, repeat };
}

/** A year of two digits is one of 1970 to 2069. */
function withCentury({ start, stop, repeat }: Component): Component {
  const whole = (year: number) => (year < 70 ? year + 2000 : year < 100 ? year + 1900 : year);
  return { start: whole(start), stop: stop === undefined ? undefined : whole(stop), repeat };
}

/** Every number has to be in its field's range, and every repetition to happen at least once, as systemd asks. */
function componentFlaw(
  { start, stop, repeat }: Component,
  text: string,
  { name, from, to, isBackward = false }: Field,
): string | undefined {
  for (const value of [start, stop ?? start]) {
    if (value < from) return `${name} ${value} is under ${from}`;
    if (value > to) return `${name} ${value} is over ${to}`;
  }
  if (stop !== undefined && stop < start) return `${name} ${text} goes backwards`;
  const isOnce =
    repeat > to - from ||
    (stop !== undefined
      ? start + repeat > stop
      : isBackward
        ? start - repeat < from
        : start + repeat > to);
  return isOnce ? `${name} ${text} has a step that leads past its end` : undefined;
}
