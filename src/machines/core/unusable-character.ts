// They part lists (SYSTEMD_UNIT_PATH, addresses to listen on) or mean something in a unit file even when quoted.
const UNUSABLE = /[:,;$"'\\\p{Cc}]/u;

/** The first character of `path` for which it can stand in no unit of a machine; undefined when it can. */
export function unusableCharacter(path: string): string | undefined {
  return UNUSABLE.exec(path)?.[0];
}
