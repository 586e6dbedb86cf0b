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
  const lineOf = new Map<string, number>();
  return files.flatMap((file) => {
    const { path, line, key } = file;
    const found: Problem[] = [];
    if (!path.startsWith("/"))
      found.push(
        warning(line, key, `is "${path}" and taken as /${path}; write the path from the root`),
      );
    const earlier = lineOf.get(normal(path));
    if (earlier === undefined) lineOf.set(normal(path), line);
    else
      found.push(
        warning(line, key, `is written on line ${earlier} too, and this one stays; write it once`),
      );
    const above = files.find((other) => normal(path).startsWith(`${normal(other.path)}/`));
    if (above !== undefined)
      found.push(
        error(
          line,
          key,
          `lies below ${above.path}, which line ${above.line} makes a file; give one another path`,
        ),
      );
    return found;
  });
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
