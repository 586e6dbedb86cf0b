import type { KeyNode } from "#keys/core/event.ts";
import type { Reply } from "#keys/keys.ts";
import type { CommandRun } from "./command.ts";

/** Prints an answer in the form that `--output` names. */
export function printReply(
  { globals, io }: Pick<CommandRun, "globals" | "io">,
  reply: Reply,
): void {
  const { event, etcdIndex } = reply;
  const { action, node, prevNode } = event;
  const output = outputOf(globals);
  switch (output) {
    case "simple":
      if (action === "delete") print(io, `PrevNode.Value: ${prevNode?.value ?? ""}`);
      else print(io, node.value ?? "");
      break;
    case "extended":
      print(io, `Key: ${wireKey(node)}`);
      print(io, `Created-Index: ${node.createdIndex}`);
      print(io, `Modified-Index: ${node.modifiedIndex}`);
      if (prevNode) print(io, `PrevNode.Value: ${prevNode.value ?? ""}`);
      print(io, `TTL: ${node.ttl ?? 0}`);
      print(io, `Index: ${etcdIndex}`);
      if (action !== "delete") print(io, `\n${node.value ?? ""}`);
      break;
    case "json": {
      const shown = {
        action,
        node: wireNode(node),
        prevNode: prevNode ? wireNode(prevNode) : null,
      };
      print(io, goJson(shown));
      break;
    }
    default:
      io.stderr.write(`Unsupported output format: ${output}\n`);
  }
}

export function outputOf(globals: CommandRun["globals"]): string {
  return globals.has("output") ? globals.text("output") : "simple";
}

export function print(io: CommandRun["io"], line: string): void {
  io.stdout.write(`${line}\n`);
}

/** The root has no key on the wire. */
function wireKey({ key }: KeyNode): string {
  return key === "/" ? "" : key;
}

/** Field by field as the original's structure is written out, empty ones included. */
function wireNode(node: KeyNode): object {
  const { dir, value, nodes, createdIndex, modifiedIndex, expiration, ttl } = node;
  return {
    key: wireKey(node),
    ...(dir ? { dir } : {}),
    value: value ?? "",
    nodes: nodes?.map(wireNode) ?? null,
    createdIndex,
    modifiedIndex,
    ...(expiration === undefined ? {} : { expiration }),
    ...(ttl ? { ttl } : {}),
  };
}

/** Go escapes what could end a script element, and has no short form for backspace and form feed. */
export function goJson(value: object): string {
  return JSON.stringify(value).replace(/\\(?:\\|b|f)|[<>&\u2028\u2029]/g, (found) => {
    if (found === "\\\\") return found;
    const code = found === "\\b" ? 0x08 : found === "\\f" ? 0x0c : found.charCodeAt(0);
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
