import { Fault } from "#base/fault.ts";
import { trim, trimEnd, trimStart } from "./blanks.ts";
import {
  UNIT_FILE_LENGTH_MAX,
  type UnitFile,
  type UnitFileWarning,
  type UnitOption,
} from "./unit-file.ts";

/**
 * Reads a unit file, systemd.syntax(7), the way go-systemd does, so that a unit has the hash that fleet gives it:
 * comments and blank lines are dropped, outer blanks trimmed, continued lines kept with backslash and newline.
 *
 * It is stricter than go-systemd where that loses what was meant: a section header has to end on its line, and
 * blanks after a backslash at the end of a line are refused. It reads CRLF as a line's end, also in continued lines.
 * @param file named in the error, such as `web.service`
 * @throws {Fault} UNIT_FILE_INVALID; its facts hold `file`, `line` and `reason`, go-systemd's text
 */
export function parseUnitFile(text: string, file: string): UnitFile {
  if (text.length > UNIT_FILE_LENGTH_MAX)
    throw invalid(file, 1, {
      is: `it has ${text.length} characters; make it at most ${UNIT_FILE_LENGTH_MAX}`,
      reason: `unit file too long (max ${UNIT_FILE_LENGTH_MAX} characters)`,
    });
  const lines = text
    .replace(/^\uFEFF/, "")
    .replace(/\r(\n|$)/g, "$1")
    .split("\n");
  const options: UnitOption[] = [];
  const warnings: UnitFileWarning[] = [];
  let section: string | undefined;
  for (let at = 0; at < lines.length; ) {
    const line = at + 1;
    const content = trimStart(lines[at] ?? "");
    if (content.startsWith("#") || content.startsWith(";")) at = afterComment(lines, at);
    else if (content === "") at += 1;
    else if (content.startsWith("[")) {
      section = parseSectionHeader(content, file, line);
      at += 1;
    } else if (section === undefined) {
      const advice = "write a header such as [Service] above it";
      warnings.push({ line, message: "text before the first section is ignored", advice });
      at += 1;
    } else {
      const { name, first } = splitAssignment(content, file, line, at === lines.length - 1);
      const { value, next } = readValue(lines, at, first);
      if (value.endsWith("\\")) throw blanksAfterBackslash(file, next);
      options.push({ section, name, value, line });
      at = next;
    }
  }
  return { options, warnings };
}

/** The index after a comment; a backslash at its end continues it, as in go-systemd. */
function afterComment(lines: readonly string[], start: number): number {
  let at = start;
  while (/\\ ?$/.test(lines[at] ?? "")) at += 1;
  return at + 1;
}

function parseSectionHeader(content: string, file: string, line: number): string {
  const end = content.indexOf("]");
  if (end === -1)
    throw invalid(file, line, {
      is: `the section header ${quote(content)} has no "]"; write it as [NAME]`,
      reason: "unable to find end of section",
    });
  const rest = trim(content.slice(end + 1));
  if (rest !== "")
    throw invalid(file, line, {
      is: `${quote(rest)} follows the section header; put it on a line of its own`,
      reason: `found garbage after section name : [${new TextEncoder().encode(rest).join(" ")}]`,
    });
  return content.slice(1, end);
}

function splitAssignment(
  content: string,
  file: string,
  line: number,
  isLast: boolean,
): { name: string; first: string } {
  const equals = content.indexOf("=");
  const name = content.slice(0, equals);
  if (equals === -1 || name.includes("\r"))
    throw invalid(file, line, {
      is: `${quote(content)} has no "="; write NAME=VALUE, or # before a comment`,
      reason:
        isLast && !content.includes("\r")
          ? "EOF"
          : "unexpected newline encountered while parsing option name",
    });
  return { name: trimEnd(name), first: content.slice(equals + 1) };
}

/** A value and the index after its last line; a blank line ends a continued value, and its last newline is kept. */
function readValue(
  lines: readonly string[],
  start: number,
  first: string,
): { value: string; next: number } {
  const parts: string[] = [];
  let at = start;
  let part = first;
  while (trimStart(part) !== "") {
    parts.push(part);
    if (!part.endsWith("\\")) return { value: trim(parts.join("\n")), next: at + 1 };
    at += 1;
    part = lines[at] ?? "";
  }
  const value = parts.length === 0 ? "" : `${trim(parts.join("\n"))}\n`;
  return { value, next: at + 1 };
}

function blanksAfterBackslash(file: string, line: number): Fault {
  return invalid(file, line, {
    is: "blanks follow the backslash at the end; remove them to continue the line, or the backslash to end it",
    reason: "found blanks after backslash at the end of a line",
  });
}

function invalid(file: string, line: number, why: { is: string; reason: string }): Fault {
  return new Fault("UNIT_FILE_INVALID", `Cannot read ${file} line ${line}: ${why.is}`, {
    facts: { file, line, reason: why.reason },
  });
}

const QUOTED_MAX = 60; // characters of a bad line that an error shows

function quote(text: string): string {
  const shown = text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text;
  return JSON.stringify(shown);
}
