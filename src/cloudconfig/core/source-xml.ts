/** An element of an XML document; names are without their namespace's prefix. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
}

/** What is wrong with a document, and where: its offset in characters. */
export class XmlError extends Error {
  override readonly name = "XmlError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const DEPTH_MAX = 64;
const NAME = /[^\s/>=<"'&]+/y;
const SPACE = /\s*/y;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

/**
 * Reads the XML of a hypervisor's or cloud's description of a machine: elements and attributes. Text between elements
 * is passed over, for what these documents say is in attributes. Document types are refused, and with them entities of
 * their own.
 * @throws {XmlError}
 */
export function parseXml(text: string): XmlElement {
  return new XmlReader(text).document();
}

class XmlReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith("\uFEFF")) this.#at = 1;
  }

  document(): XmlElement {
    this.#skipMisc();
    if (this.#at >= this.#text.length) throw this.#error("there is no element in it");
    const root = this.#element(0);
    this.#skipMisc();
    if (this.#at < this.#text.length) throw this.#error("something follows its end");
    return root;
  }

  #element(depth: number): XmlElement {
    if (depth > DEPTH_MAX) throw this.#error(`elements are nested more than ${DEPTH_MAX} deep`);
    this.#expect("<");
    const tag = this.#name();
    const attributes = this.#attributes();
    const children: XmlElement[] = [];
    const element = { name: local(tag), attributes, children };
    if (this.#accept("/>")) return element;
    this.#expect(">");
    for (;;) {
      const next = this.#text.indexOf("<", this.#at);
      if (next === -1) throw this.#error(`<${tag}> has no end`);
      this.#at = next;
      if (this.#accept("</")) break;
      if (!this.#skipAside()) children.push(this.#element(depth + 1));
    }
    const end = this.#name();
    if (end !== tag) throw this.#error(`</${end}> ends <${tag}>`);
    this.#skipSpace();
    this.#expect(">");
    return element;
  }

  #attributes(): Map<string, string> {
    const attributes = new Map<string, string>();
    for (;;) {
      const before = this.#at;
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === ">" || next === "/" || next === undefined) return attributes;
      if (before === this.#at) throw this.#error("a space is missing before the attribute");
      const name = this.#name();
      this.#skipSpace();
      this.#expect("=");
      this.#skipSpace();
      if (!name.startsWith("xmlns")) attributes.set(local(name), this.#value());
      else this.#value();
    }
  }

  #value(): string {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") throw this.#error("an attribute's value has no quotes");
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end === -1) throw this.#error("an attribute's value has no end");
    const raw = this.#text.slice(this.#at + 1, end);
    if (raw.includes("<")) throw this.#error('an attribute has "<" in its value');
    const value = raw.replaceAll(/&([^;&]*);?/g, (whole, entity: string) => {
      const character = whole.endsWith(";") ? characterOf(entity) : undefined;
      if (character === undefined) throw this.#error(`"${whole}" is no entity of XML`);
      return character;
    });
    this.#at = end + 1;
    return value;
  }

  /** Comments, character data, processing instructions: whether there was one. */
  #skipAside(): boolean {
    for (const [begin, end] of [
      ["<!--", "-->"],
      ["<![CDATA[", "]]>"],
      ["<?", "?>"],
    ] as const)
      if (this.#text.startsWith(begin, this.#at)) {
        const to = this.#text.indexOf(end, this.#at + begin.length);
        if (to === -1) throw this.#error(`"${begin}" has no "${end}"`);
        this.#at = to + end.length;
        return true;
      }
    if (this.#text.startsWith("<!", this.#at)) throw this.#error("it declares a document type");
    return false;
  }

  #skipMisc(): void {
    do this.#skipSpace();
    while (this.#text[this.#at] === "<" && this.#skipAside());
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const [name] = NAME.exec(this.#text) ?? [];
    if (name === undefined) throw this.#error("a name is missing");
    this.#at += name.length;
    return name;
  }

  #accept(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#error(`"${text}" is missing`);
  }

  #error(message: string): XmlError {
    return new XmlError(message, this.#at);
  }
}

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function characterOf(entity: string): string | undefined {
  if (Object.hasOwn(ENTITIES, entity)) return ENTITIES[entity];
  const [, hex, decimal] = /^#(?:x([0-9A-Fa-f]{1,6})|(\d{1,7}))$/.exec(entity) ?? [];
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
