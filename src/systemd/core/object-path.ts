const UNIT_PREFIX = "/org/freedesktop/systemd1/unit/";

/** The object path of a unit. */
export function unitPathOf(name: string): string {
  const escape = (byte: string) => `_${byte.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return UNIT_PREFIX + name.replace(/[^A-Za-z0-9]/g, escape).replace(/^[0-9]/, escape);
}

/**
 * The unit that an object path of systemd stands for, or undefined for other objects.
 * Every byte but letters and digits is written `_xx` there (bus_label_escape in systemd's basic/bus-label.c).
 */
export function unitNameOfPath(path: string): string | undefined {
  if (!path.startsWith(UNIT_PREFIX)) return undefined;
  return path
    .slice(UNIT_PREFIX.length)
    .replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
