import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatTimeSpan, parseTimeSpanMs } from "./time-span.ts";

test("time spans are read as systemd.time(7) has them", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["5", 5_000],
    ["5s", 5_000],
    ["1.5 sec", 1_500],
    ["500ms", 500],
    ["1min 30s", 90_000],
    ["2h5m", 7_500_000],
    ["1d", 86_400_000],
    ["0", 0],
    ["", undefined],
    ["s", undefined],
    ["5 parsecs", undefined],
    ["-5s", undefined],
    ["infinity", undefined],
    ["5s later", undefined],
    ["1.2.3", undefined],
    ["5constructor", undefined],
    [`${"1".repeat(50_000)}!`, undefined],
  ];
  for (const [text, ms] of cases) assert.equal(parseTimeSpanMs(text), ms, text);
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 9 }), (ms) => {
      assert.equal(parseTimeSpanMs(formatTimeSpan(ms)), ms);
    }),
  );
});
