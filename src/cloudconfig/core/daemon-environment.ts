import type { MapShape } from "./shape.ts";

/** A section of daemon settings: what `readShape` made of a shape whose keys name environment variables. */
export type Section = Readonly<Record<string, string | number | boolean>>;

/** The section as environment variables, in the order of the shape. */
export function environmentOf(shape: MapShape, section: Section): readonly [string, string][] {
  const variables: [string, string][] = [];
  for (const [key, { env }] of Object.entries(shape.keys)) {
    const value = section[key];
    // A folded block scalar ends in a newline that nobody means.
    if (env !== undefined && value !== undefined) variables.push([env, String(value).trimEnd()]);
  }
  return variables;
}

/**
 * A drop-in that hands the variables to a unit, systemd.exec(5). Quotes and backslashes are escaped; a percent sign
 * is not, so that systemd's specifiers (`%m`, `%H`) work in a cloud-config as they do with the original.
 */
export function environmentDropIn(variables: readonly (readonly [string, string])[]): string {
  const lines = variables.map(([name, value]) => {
    const escaped = value.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
    return `Environment="${name}=${escaped}"\n`;
  });
  return `[Service]\n${lines.join("")}`;
}
