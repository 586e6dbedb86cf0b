import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Exposition, exponentialBounds, Histogram } from "#base/prometheus.ts";
import { parseExposition } from "#base/prometheus-for-tests.ts";

test("bounds grow by a factor", () => {
  assert.deepEqual(exponentialBounds(0.5, 2, 4), [0.5, 1, 2, 4]);
});

test("a histogram counts what is at or below each bound", () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0.5, 1, 1.5, 4, 5]) histogram.observe(value);
  assert.deepEqual(histogram.cumulative(), [2, 3, 4]);
  assert.equal(histogram.count, 5);
  assert.equal(histogram.sum, 12);
});

test("the text is what a strict reader takes", () => {
  const text = new Exposition();
  text.counter("a_total", "How many a.", 3);
  text.gauges("b", 'With "labels".', [
    [{ kind: 'quo"te', line: "one\ntwo\\" }, 1],
    [{ kind: "plain", line: "" }, 2.5e-9],
  ]);
  text.gauge("huge", "Very many.", 1e21);
  const histogram = new Histogram(exponentialBounds(0.001, 2, 3));
  histogram.observe(0.0015);
  text.histograms("took_seconds", "How long.", [[{ method: "GET" }, histogram]]);
  const read = parseExposition(text.toString());
  assert.deepEqual([...read.keys()], ["a_total", "b", "huge", "took_seconds"]);
  assert.equal(read.get("huge")?.samples.get("huge"), 1e21);
  assert.equal(read.get("b")?.samples.get('b{kind="quo\\"te",line="one\\ntwo\\\\"}'), 1);
  const took = read.get("took_seconds")?.samples;
  assert.equal(took?.get('took_seconds_bucket{le="0.001",method="GET"}'), 0);
  assert.equal(took?.get('took_seconds_bucket{le="0.002",method="GET"}'), 1);
  assert.equal(took?.get('took_seconds_bucket{le="+Inf",method="GET"}'), 1);
});

test("whatever a label holds, it is read back", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.double({ noNaN: true, min: -1e30 }),
      (label, value) => {
        const text = new Exposition();
        text.gauges("g", "Help.", [[{ label }, Math.min(value, 1e30)]]);
        assert.equal(parseExposition(text.toString()).get("g")?.samples.size, 1);
      },
    ),
    { examples: [["\u2028", 0]] },
  );
});

test("the strict reader refuses what Prometheus would", () => {
  for (const text of [
    "a 1",
    "a 1\n",
    "# HELP a A.\n# TYPE a counter\na x\n",
    "# HELP a A.\n# TYPE a counter\na 1\na 2\n",
    "# HELP a A.\n# TYPE a counter\nb 1\n",
    '# HELP a A.\n# TYPE a counter\na{b="c} 1\n',
    '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  ])
    assert.throws(() => parseExposition(text), assert.AssertionError, text);
});
