/** Says what is wrong with a value, or nothing when it is right. */
export type Check = (text: string) => string | undefined;

interface Common {
  /** The environment variable that carries the value to its daemon. */
  readonly env?: string;
}

export interface TextShape extends Common {
  readonly kind: "text";
  readonly check?: Check;
  /** A closed list of what it may be. */
  readonly words?: readonly string[];
}
export interface NumberShape extends Common {
  readonly kind: "integer" | "number";
}
export interface BooleanShape extends Common {
  readonly kind: "boolean";
}
/** Text, or the octets of a `!!binary` value. */
export interface BytesShape extends Common {
  readonly kind: "bytes";
}
export interface ListShape extends Common {
  readonly kind: "list";
  readonly of: Shape;
}
export interface MapShape extends Common {
  readonly kind: "map";
  readonly keys: Readonly<Record<string, Shape>>;
  readonly required: readonly string[];
  /** Keys that the original documents but does not act on, and neither do we. */
  readonly ignored: readonly string[];
}

/** What may stand at a place of a cloud-config; `schema.ts` is one big shape. */
export type Shape = TextShape | NumberShape | BooleanShape | BytesShape | ListShape | MapShape;

/** The TypeScript type of what a shape reads. A key that is absent, empty or null is not there. */
export type ValueOf<S> = S extends { kind: "text"; words: readonly (infer Word)[] }
  ? Word
  : S extends { kind: "text" }
    ? string
    : S extends { kind: "integer" | "number" }
      ? number
      : S extends { kind: "boolean" }
        ? boolean
        : S extends { kind: "bytes" }
          ? string | Uint8Array
          : S extends { kind: "list"; of: infer Item }
            ? readonly ValueOf<Item>[]
            : S extends { kind: "map"; keys: infer Keys; required: readonly (infer Required)[] }
              ? {
                  readonly [K in keyof Keys as K extends Required ? K : never]: ValueOf<Keys[K]>;
                } & {
                  readonly [K in keyof Keys as K extends Required ? never : K]?: ValueOf<Keys[K]>;
                }
              : never;

export function text<const O extends Omit<TextShape, "kind">>(options?: O) {
  return { kind: "text", ...options } as const;
}
export function oneOf<const Word extends string>(words: readonly Word[], env?: string) {
  return { kind: "text", words, ...(env === undefined ? {} : { env }) } as const;
}
export function integer(env?: string) {
  return { kind: "integer", ...(env === undefined ? {} : { env }) } as const;
}
export function number(env?: string) {
  return { kind: "number", ...(env === undefined ? {} : { env }) } as const;
}
export function boolean(env?: string) {
  return { kind: "boolean", ...(env === undefined ? {} : { env }) } as const;
}
export const bytes = { kind: "bytes" } as const;
export function list<const S extends Shape>(of: S) {
  return { kind: "list", of } as const;
}
export function map<const Keys extends Readonly<Record<string, Shape>>>(keys: Keys) {
  return requiring([], keys);
}
/** A map with keys that must be there and, third, some that have no effect. */
export function requiring<
  const Required extends string,
  const Keys extends Readonly<Record<string, Shape>>,
>(required: readonly Required[], keys: Keys, ignored: readonly string[] = []) {
  return { kind: "map", keys, required, ignored } as const;
}
