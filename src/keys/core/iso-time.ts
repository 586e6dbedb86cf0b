const DAY_MS = 86_400_000;

/** RFC 3339 in UTC with milliseconds, for the years 0 to 9999; as Date would say it. */
export function isoTime(ms: number): string {
  const day = Math.floor(ms / DAY_MS);
  const inDay = ms - day * DAY_MS;
  const { year, month, dayOfMonth } = civilDate(day);
  const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(dayOfMonth, 2)}`;
  const time = `${pad(Math.floor(inDay / 3_600_000), 2)}:${pad(Math.floor(inDay / 60_000) % 60, 2)}`;
  return `${date}T${time}:${pad(Math.floor(inDay / 1000) % 60, 2)}.${pad(Math.floor(inDay) % 1000, 3)}Z`;
}

/** The date of the day counted from 1970-01-01, by eras of 400 years beginning in March. */
function civilDate(day: number): { year: number; month: number; dayOfMonth: number } {
  const fromMarch0 = day + 719_468; // days from 0000-03-01 to 1970-01-01
  const era = Math.floor(fromMarch0 / 146_097);
  const dayOfEra = fromMarch0 - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    dayOfMonth: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
