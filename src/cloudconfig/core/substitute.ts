import type { MachineFacts } from "./machine-facts.ts";
import { error, type Problem } from "./problem.ts";
import { templateFacts } from "./template-facts.ts";
import {
  ESCAPE,
  isTemplate,
  markAddresses,
  templateWarnings,
  unmaskExpressions,
} from "./template-mode.ts";
import { type Report, TemplateText } from "./template-text.ts";
import { TextPlaces } from "./text-place.ts";
import { child, type Entry, type Tree } from "./tree.ts";

const ADDRESS = new RegExp(`(${ESCAPE}?)\\$(public|private)_ipv([46])`, "g");
const HOSTNAME = /\$hostname(?![A-Za-z0-9_])/g;
/** Where `$hostname`, which the original does not have, is replaced: not in scripts, where it is a shell's variable. */
const HOSTNAME_PLACE = /^coreos\.(etcd|etcd2|flannel|fleet|locksmith|update)\./;
/** Told of one cloud-config; whoever has more to mend sees them the next time. */
const PROBLEMS_MAX = 100;

export interface Substituted {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
}

/**
 * Replaces `$public_ipv4`, `$private_ipv4`, their `_ipv6` kind and `$hostname` in every text of the tree, and in a template its
 * expressions and conditions too; what is not known on this machine is a problem. Values only ever change texts: a
 * fact cannot become structure.
 * @param source the user-data that the tree was parsed from: says whether it is a template, and where problems are
 */
export function substitute(tree: Tree, facts: MachineFacts, source = ""): Substituted {
  const substitution = new Substitution(facts, source);
  const { problems } = substitution;
  problems.push(...templateWarnings(source));
  return { tree: substitution.root(tree), problems };
}

/** The addresses in a script that is user-data, as in the original; a problem for each that is not known. */
export function substituteScript(
  text: string,
  facts: MachineFacts,
): { readonly text: string; readonly problems: readonly Problem[] } {
  const substitution = new Substitution(facts, text);
  const node = { kind: "text", line: 1, text: markAddresses(text) } as const;
  return { text: substitution.text(node, ""), problems: substitution.problems };
}

type Text = Tree & { readonly kind: "text" };
type AddressFact = "publicIpv4" | "publicIpv6" | "privateIpv4" | "privateIpv6";

class Substitution {
  readonly problems: Problem[] = [];
  readonly #facts: MachineFacts;
  readonly #places: TextPlaces;
  readonly #template: TemplateText | undefined;
  #hostname: string | undefined;
  /** What a text became, so that one read through many aliases is worked on once. */
  readonly #texts = new Map<string, string>();
  readonly #hostnameTexts = new Map<string, string>();

  constructor(facts: MachineFacts, source: string) {
    this.#facts = facts;
    this.#places = new TextPlaces(source);
    this.#hostname = facts.hostname ?? facts.currentHostname;
    if (isTemplate(source))
      this.#template = new TemplateText(templateFacts(facts), facts.isExample ?? false);
  }

  root(tree: Tree): Tree {
    const empty: Tree = { kind: "null", line: tree.line };
    const kept = this.#conditional(tree, "") ?? empty;
    if (kept.kind !== "map") return this.#value(kept, "") ?? empty;
    // First, so that everything else sees the name that the machine will have.
    const named = child(kept, "hostname");
    const hostname = named && this.#value(named, "hostname");
    if (hostname?.kind === "text" && hostname.text !== "") {
      this.#hostname = hostname.text;
      this.#template?.rename(hostname.text);
      this.#texts.clear();
    }
    const entries = kept.entries.flatMap((entry) => {
      if (entry.value !== named) return this.#entry(entry, entry.key);
      return hostname === undefined ? [] : { ...entry, value: hostname };
    });
    return { ...kept, entries };
  }

  /** What `tree` becomes; nothing when its condition does not hold, or its expressions are wrong. */
  #value(tree: Tree, key: string): Tree | undefined {
    const kept = this.#conditional(tree, key);
    if (kept === undefined) return undefined;
    switch (kept.kind) {
      case "text":
        return this.#scalar(kept, key);
      case "list":
        return {
          ...kept,
          items: kept.items.flatMap((item, i) => this.#value(item, `${key}[${i}]`) ?? []),
        };
      case "map":
        return {
          ...kept,
          entries: kept.entries.flatMap((each) => this.#entry(each, `${key}.${each.key}`)),
        };
      case "null":
      case "bytes":
        return kept;
      default:
        return kept satisfies never;
    }
  }

  #entry(entry: Entry, path: string): Entry | readonly never[] {
    if (this.#template !== undefined && unmaskExpressions(entry.key).includes("{{")) {
      const name = unmaskExpressions(path);
      this.#tell(
        entry.line,
        name,
        "an expression stands in a value only; to have a key on some machines, write when: below it",
      );
      return [];
    }
    const value = this.#value(entry.value, path);
    return value === undefined ? [] : { ...entry, value };
  }

  /** The tree without its condition: itself, `value` or `else`; nothing when the condition does not hold. */
  #conditional(tree: Tree, key: string): Tree | undefined {
    const condition = child(tree, "when");
    if (this.#template === undefined || tree.kind !== "map" || condition === undefined) return tree;
    const holds = this.#holds(condition, key);
    const value = child(tree, "value");
    const otherwise = child(tree, "else");
    const others = tree.entries.filter((e) => !CONDITION_KEYS.has(e.key));
    const [beside] = others;
    if (value !== undefined && beside !== undefined)
      this.#tell(beside.line, `${key}.${beside.key}`, "cannot stand beside value: put it inside");
    else if (value === undefined && otherwise !== undefined)
      this.#tell(
        otherwise.line,
        `${key}.else`,
        "needs a value: beside it, for when the condition holds",
      );
    if (holds === undefined) return undefined;
    const kept = value ?? { ...tree, entries: others };
    const chosen = holds ? kept : otherwise;
    return chosen && this.#conditional(chosen, key);
  }

  #holds(condition: Tree, key: string): boolean | undefined {
    const path = key === "" ? "when" : `${key}.when`;
    if (condition.kind === "text") {
      const text = unmaskExpressions(condition.text).replaceAll(ESCAPE, "");
      return this.#template?.holds(text, this.#reporter(condition, text, path));
    }
    this.#tell(condition.line, path, 'needs a condition, such as metadata.role == "store"');
    return undefined;
  }

  #scalar(node: Text, key: string): Tree | undefined {
    const problems = this.problems.length;
    const text = this.text(node, key);
    if (this.#template === undefined) return { ...node, text };
    // A text that is not whole is left out, for nothing more is to be said of it.
    if (this.problems.length > problems) return undefined;
    if (!LONE_EXPRESSION.test(unmaskExpressions(node.text))) return { ...node, text };
    // Quotes around an expression are there for YAML's sake: what it gives may be a number.
    const { isQuoted: _, ...plain } = node;
    return { ...plain, text };
  }

  text(node: Text, key: string): string {
    const isHostnamePlace = HOSTNAME_PLACE.test(key);
    const done = isHostnamePlace ? this.#hostnameTexts : this.#texts;
    const known = done.get(node.text);
    if (known !== undefined) return known;
    const problems = this.problems.length;
    if (problems === PROBLEMS_MAX) return node.text;
    const text = this.#template === undefined ? node.text : unmaskExpressions(node.text);
    const report = this.#reporter(node, text, key);
    const variables = (part: string, at: number): string => {
      const withAddresses = this.#withAddresses(part, at, report);
      return isHostnamePlace ? this.#withHostname(withAddresses, at, report) : withAddresses;
    };
    const became =
      this.#template === undefined
        ? variables(text, 0)
        : this.#template.render(text, variables, report);
    if (this.problems.length === problems) done.set(node.text, became);
    return became;
  }

  #withAddresses(part: string, from: number, report: Report): string {
    return part.replace(ADDRESS, (found, escape, scope, version, at: number) => {
      if (escape !== "") return found.slice(ESCAPE.length);
      const known = this.#facts[`${scope}Ipv${version}` as AddressFact];
      if (known !== undefined) return known;
      const variable = `COREOS_${found.slice(1).toUpperCase()}`;
      const advice = `set ${variable} in /etc/environment, or write the address itself`;
      report(from + at, found, `${found} is not known on this machine; ${advice}`);
      return found;
    });
  }

  #withHostname(part: string, from: number, report: Report): string {
    return part.replace(HOSTNAME, (found, at: number) => {
      if (this.#hostname !== undefined) return this.#hostname;
      const advice = "give the cloud-config a hostname";
      report(from + at, found, `$hostname is not known on this machine; ${advice}`);
      return found;
    });
  }

  #reporter(node: Text, text: string, key: string): Report {
    return (at, piece, message) => {
      if (this.problems.length >= PROBLEMS_MAX) return;
      const { line, column } = this.#places.locate(text, at, piece, node.line);
      const problem = error(line, key, message);
      this.problems.push(column === undefined ? problem : { ...problem, column });
    };
  }

  #tell(line: number, key: string, message: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(error(line, key, message));
  }
}

const LONE_EXPRESSION = /^\s*\{\{[^{}]*\}\}\s*$/;
const CONDITION_KEYS: ReadonlySet<string> = new Set(["when", "value", "else"]);
