/** What one machine's journal gave, and what stands before its lines. */
export interface JournalPart {
  readonly prefix: string;
  readonly text: string;
}

interface Entry {
  /** Seconds since 1970; that of the line before where a line has none of its own. */
  readonly at: number;
  readonly line: string;
}

const STAMP = /^(\d{9,}\.\d+) /;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * The lines of several journals that journalctl printed as `short-unix`, by time, and as `short` has them, in this
 * computer's time zone. What belongs to the line before, as in a message of several lines, stays with it; lines
 * of one time are in the order of the parts.
 */
export function mergeJournals(parts: readonly JournalPart[]): string[] {
  const entries = parts.flatMap(({ prefix, text }) => entriesOf(text, prefix));
  return entries.sort((a, b) => a.at - b.at).map(({ line }) => line);
}

function entriesOf(text: string, prefix: string): Entry[] {
  let at = Number.NEGATIVE_INFINITY;
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const stamp = STAMP.exec(line)?.[1];
      if (stamp !== undefined) at = Number(stamp);
      return { at, line: prefix + (stamp === undefined ? line : shortLine(line, stamp)) };
    });
}

function shortLine(line: string, stamp: string): string {
  const date = new Date(Number(stamp) * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${MONTHS[date.getMonth()]} ${two(date.getDate())}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${day} ${time} ${line.slice(stamp.length + 1)}`;
}
