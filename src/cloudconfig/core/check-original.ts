import { original, type Problem } from "./problem.ts";
import { isRequestUri } from "./request-uri.ts";
import { at, child, itemsOf, type Tree, textOf } from "./tree.ts";

/** What the original's validator has to say beyond types and single values. It hinders nobody from applying the file. */
export function checkAsOriginal(tree: Tree): readonly Problem[] {
  return [
    ...checkDiscovery(tree),
    ...checkContents(tree),
    ...checkReadOnly(tree),
    ...checkPlaceOfFiles(tree),
  ];
}

function checkDiscovery(tree: Tree): readonly Problem[] {
  const url = at(tree, "coreos", "etcd", "discovery");
  if (url === undefined || url.kind === "null" || isRequestUri(textOf(url) ?? "")) return [];
  const place = { line: url.line, key: "coreos.etcd.discovery" };
  const hint = "it begins with http:// or https://";
  return [original("warning", place, "discovery URL is not valid", hint)];
}

/** Nothing at all is decoded well, but the original has it that something was to be there. */
function checkContents(tree: Tree): readonly Problem[] {
  return itemsOf(child(tree, "write_files")).flatMap((item, i) => {
    const encoding = child(item, "encoding");
    const text = textOf(encoding);
    const content = child(item, "content") ?? { kind: "null" };
    if (encoding === undefined || !/^(?:base64|b64)$/.test(text ?? "") || content.kind !== "null")
      return [];
    const place = { line: encoding.line, key: `write_files[${i}].encoding` };
    const message = `content cannot be decoded as ${JSON.stringify(text)}`;
    return [original("error", place, message, "there is no content; the file will be empty")];
  });
}

/** CoreOS has /usr on a partition that is never written to. */
function checkReadOnly(tree: Tree): readonly Problem[] {
  return itemsOf(child(tree, "write_files")).flatMap((item, i) => {
    const path = child(item, "path");
    if (path === undefined || !directoryOf(textOf(path) ?? "").startsWith("/usr")) return [];
    const place = { line: path.line, key: `write_files[${i}].path` };
    const hint =
      "it is so on CoreOS, where /opt is for programs; where /usr can be written to, the file is";
    return [original("error", place, "file cannot be written to a read-only filesystem", hint)];
  });
}

/** Of a path, its empty and its `.` steps removed. */
function directoryOf(path: string): string {
  const steps = path.split("/").slice(0, -1);
  const clean = steps.filter((step) => step !== "" && step !== ".").join("/");
  return path.startsWith("/") ? `/${clean}` : clean;
}

function checkPlaceOfFiles(tree: Tree): readonly Problem[] {
  const files = at(tree, "coreos", "write_files");
  if (files === undefined || files.kind === "null") return [];
  const place = { line: files.line, key: "coreos.write_files" };
  return [original("info", place, "write_files doesn't belong under coreos")];
}
