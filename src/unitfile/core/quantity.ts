/** What a suffix multiplies by, as in systemd's own settings of memory, systemd.resource-control(5). */
const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** The number that `512`, `0.5`, `-3` or `16G` stands for, K being 1024; undefined when the text is no number. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, suffix = ""] = /^(-?\d+(?:\.\d+)?)([KMGT]?)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * FACTORS[suffix]!;
}

/** Whole bytes of `512M`, rounded up; undefined when that is no memory that a unit could need. */
export function parseBytes(text: string): number | undefined {
  const bytes = Math.ceil(parseQuantity(text) ?? 0);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

const MILLICORES_MAX = 1_000_000_000; // a million cores

/** Thousandths of a processor core of `1.5`, rounded up; undefined when that is no number above 0. */
export function parseMillicores(text: string): number | undefined {
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  // 1.1 * 1000 is a little more than 1100, which is not meant to round up.
  const millicores = Math.ceil(Number((Number(text) * 1000).toFixed(6)));
  return millicores > 0 && millicores <= MILLICORES_MAX ? millicores : undefined;
}

/** `1.5G`: at most two digits after the point, rounded down. */
export function formatBytes(bytes: number): string {
  const suffix = ["T", "G", "M", "K", ""].find((one) => bytes >= FACTORS[one]!) ?? "";
  return `${Math.floor((bytes / FACTORS[suffix]!) * 100) / 100}${suffix}`;
}

/** `1.5`, in cores. */
export function formatCores(millicores: number): string {
  return String(millicores / 1000);
}
