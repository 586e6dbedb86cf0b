import { error, type Problem, warning } from "./problem.ts";
import { child, itemsOf, type Tree, textOf } from "./tree.ts";

interface WrittenFile {
  readonly path: string;
  readonly line: number;
  readonly key: string;
}

/** What is amiss with the paths of `write_files`. */
export function checkFiles(tree: Tree): readonly Problem[] {
  const files = writtenFiles(tree);
  const byPath = new Map(files.toReversed().map((file) => [normal(file.path), file]));
  const lengths = new Set(Array.from(byPath.keys(), (known) => known.length));
  const earlier = new Map<string, number>();
  return files.flatMap(({ path, line, key }) => {
    const found: Problem[] = [];
    if (!path.startsWith("/"))
      found.push(
        warning(line, key, `is "${path}" and taken as /${path}; write the path from the root`),
      );
    const before = earlier.get(normal(path));
    if (before === undefined) earlier.set(normal(path), line);
    else
      found.push(
        warning(line, key, `is written on line ${before} too, and this one stays; write it once`),
      );
    const above = directoriesOf(normal(path), lengths).find((directory) => byPath.has(directory));
    const file = above === undefined ? undefined : byPath.get(above);
    if (file !== undefined)
      found.push(
        error(
          line,
          key,
          `lies below ${file.path}, which line ${file.line} makes a file; give one another path`,
        ),
      );
    return found;
  });
}

/** `/a` and `/a/b` of `/a/b/c`, those of one of the lengths. */
function* directoriesOf(path: string, lengths: ReadonlySet<number>): Generator<string, undefined> {
  for (let at = path.indexOf("/", 1); at !== -1; at = path.indexOf("/", at + 1))
    if (lengths.has(at)) yield path.slice(0, at);
}

function writtenFiles(tree: Tree): readonly WrittenFile[] {
  return itemsOf(child(tree, "write_files")).flatMap((item, i) => {
    const path = child(item, "path");
    const text = textOf(path);
    return path && text ? [{ path: text, line: path.line, key: `write_files[${i}].path` }] : [];
  });
}

/** From the root, without empty steps. */
function normal(path: string): string {
  return `/${path}`.replaceAll(/\/(?:\.?\/)+/g, "/");
}
