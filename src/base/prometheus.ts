/**
 * Prometheus' text format, version 0.0.4: what a scrape reads. Counting costs an addition; the text is made from the
 * counts when somebody asks.
 */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string | number>>;

/** How often what was measured lay below each of some bounds. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** `bounds` ascend. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.#count;
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    const at = this.bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at]! += 1;
  }

  /** How often it was at or below each bound. */
  cumulative(): number[] {
    let below = 0;
    return this.#counts.map((count) => (below += count));
  }
}

/** Bounds that grow by a factor, as Prometheus' own libraries make them. */
export function exponentialBounds(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first * factor ** at);
}

/** One answer to a scrape: families of samples, one after another. */
export class Exposition {
  #text = "";

  counter(name: string, help: string, value: number): void {
    this.counters(name, help, [[{}, value]]);
  }

  gauge(name: string, help: string, value: number): void {
    this.gauges(name, help, [[{}, value]]);
  }

  counters(name: string, help: string, samples: Iterable<readonly [Labels, number]>): void {
    this.#family(name, help, "counter", samples);
  }

  gauges(name: string, help: string, samples: Iterable<readonly [Labels, number]>): void {
    this.#family(name, help, "gauge", samples);
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    this.histograms(name, help, [[{}, histogram]]);
  }

  histograms(name: string, help: string, all: Iterable<readonly [Labels, Histogram]>): void {
    this.#head(name, help, "histogram");
    for (const [labels, histogram] of all) {
      const below = histogram.cumulative();
      for (const [at, bound] of histogram.bounds.entries())
        this.#sample(`${name}_bucket`, { ...labels, le: bound }, below[at] ?? 0);
      this.#sample(`${name}_bucket`, { ...labels, le: "+Inf" }, histogram.count);
      this.#sample(`${name}_sum`, labels, histogram.sum);
      this.#sample(`${name}_count`, labels, histogram.count);
    }
  }

  /** Whole families in this format, such as another server's. */
  append(families: string): void {
    this.#text += families;
  }

  toString(): string {
    return this.#text;
  }

  #family(
    name: string,
    help: string,
    type: "counter" | "gauge",
    samples: Iterable<readonly [Labels, number]>,
  ): void {
    this.#head(name, help, type);
    for (const [labels, value] of samples) this.#sample(name, labels, value);
  }

  #head(name: string, help: string, type: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(String(text))}"`);
    this.#text += `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  }
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
