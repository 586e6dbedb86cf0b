import {
  ON_UNHEALTHY,
  parseHealthCheck,
  parseHealthPause,
  parseHealthStart,
  parseHealthThreshold,
  parseOnUnhealthy,
} from "./health-policy.ts";
import type { UnitFileWarning, UnitOption } from "./unit-file.ts";

/** Of which form the values of each key about health have to be, in words that follow "is not". */
export const HEALTH_RULES: readonly (readonly [
  key: string,
  expected: string,
  isUsable: (value: string) => boolean,
])[] = [
  [
    "HealthCheck",
    "a command, http://HOST:PORT/PATH, https://HOST:PORT/PATH, tcp:HOST:PORT or tcp:PORT",
    (value) => parseHealthCheck(value) !== undefined,
  ],
  [
    "HealthInterval",
    "a time span of 100ms to a day such as 10s",
    (value) => parseHealthPause(value) !== undefined,
  ],
  [
    "HealthTimeout",
    "a time span of 100ms to a day such as 5s",
    (value) => parseHealthPause(value) !== undefined,
  ],
  [
    "HealthThreshold",
    "a number of failures from 1 to 1000",
    (value) => parseHealthThreshold(value) !== undefined,
  ],
  [
    "HealthStart",
    "a time span of at most a day such as 1min",
    (value) => parseHealthStart(value) !== undefined,
  ],
  [
    "OnUnhealthy",
    ON_UNHEALTHY.join(", ").replace(/, (?=\w+$)/, " or "),
    (value) => parseOnUnhealthy(value) !== undefined,
  ],
];

/** A line that says how checks are made in a unit without a check: somebody believes that it is looked after. */
export function healthWithoutCheck(
  { name, line }: UnitOption,
  all: readonly UnitOption[],
): UnitFileWarning | undefined {
  const isAboutHealth = HEALTH_RULES.some(([key]) => key === name);
  if (!isAboutHealth || all.some((option) => option.name === "HealthCheck")) return undefined;
  return {
    line,
    message: `${name} in [X-Fleet] section has no meaning without HealthCheck`,
    advice: "add a line HealthCheck=, or remove this one",
  };
}
