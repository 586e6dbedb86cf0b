import assert from "node:assert/strict";

export interface Family {
  readonly type: string;
  readonly help: string;
  /** By name and labels, these sorted, as `name{a="1",le="2"}`. */
  readonly samples: Map<string, number>;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;

/** Reads Prometheus' text format as strictly as Prometheus does, and checks histograms for what they have to be. */
export function parseExposition(text: string): Map<string, Family> {
  assert.ok(text.endsWith("\n"), "the last line has to end");
  const families = new Map<string, Family>();
  let current: [string, Family] | undefined;
  let help: readonly [string, string] | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, word, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (word === "HELP") help = [name, rest];
    else if (word === "TYPE") {
      assert.ok(!families.has(name), `${name} comes twice`);
      assert.equal(help?.[0], name, `${name} has no help before it`);
      assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
      current = [name, { type: rest, help: help[1], samples: new Map() }];
      families.set(...current);
    } else {
      const [key, value] = parseSample(line);
      assert.ok(current, `${line} has no type`);
      const [family, { samples, type }] = current;
      const ending = type === "histogram" || type === "summary" ? "(_bucket|_sum|_count)?" : "";
      assert.match(key.split("{")[0] ?? "", new RegExp(`^${family}${ending}$`));
      assert.ok(!samples.has(key), `${key} comes twice`);
      samples.set(key, value);
    }
  }
  for (const [name, family] of families)
    if (family.type === "histogram") checkHistogram(name, family.samples);
  return families;
}

function parseSample(line: string): readonly [string, number] {
  const [, name = "", labels = "", number = ""] = SAMPLE.exec(line) ?? [];
  assert.notEqual(name, "", `"${line}" is no sample`);
  const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
  assert.ok(!Number.isNaN(value), line);
  const pairs: string[] = [];
  for (let rest = labels; rest !== ""; ) {
    const [whole = "", key, text] = LABEL.exec(rest) ?? [];
    assert.notEqual(whole, "", `"${rest}" of "${line}" is no label`);
    pairs.push(`${key}="${text}"`);
    rest = rest.slice(whole.length);
  }
  return [pairs.length > 0 ? `${name}{${pairs.toSorted().join(",")}}` : name, value];
}

function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const series = new Map<string, (readonly [number, number])[]>();
  for (const [key, count] of samples) {
    const [, bound] = /\ble="([^"]*)"/.exec(key) ?? [];
    if (bound === undefined) continue;
    const labels = key
      .replace("_bucket", "")
      .replace(/le="[^"]*",|,?le="[^"]*"/, "")
      .replace("{}", "");
    const upTo = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
    series.set(labels, [...(series.get(labels) ?? []), [upTo, count]]);
  }
  for (const [labels, buckets] of series) {
    const sorted = buckets.toSorted(([a], [b]) => a - b);
    const counts = sorted.map(([, count]) => count);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${labels} does not ascend`,
    );
    assert.equal(sorted.at(-1)?.[0], Number.POSITIVE_INFINITY, `${labels} lacks +Inf`);
    const rest = labels.slice(name.length);
    assert.equal(samples.get(`${name}_count${rest}`), counts.at(-1), `${labels} lacks its count`);
    assert.ok(samples.has(`${name}_sum${rest}`), `${labels} lacks its sum`);
  }
}
