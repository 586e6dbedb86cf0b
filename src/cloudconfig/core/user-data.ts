/** What user-data is, by its beginning, as the original tells it. */
export type UserDataKind = "empty" | "cloud-config" | "script" | "ignition" | "unknown";

export function userDataKind(text: string): UserDataKind {
  if (text === "") return "empty";
  const header = text.split("\n", 1)[0] ?? "";
  if (header.startsWith("#!")) return "script";
  if (header.trimEnd() === "#cloud-config") return "cloud-config";
  return isIgnition(text) ? "ignition" : "unknown";
}

/** Ignition's configuration is JSON with its version inside. */
function isIgnition(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof value !== "object" || value === null) return false;
  if ("ignitionVersion" in value) return true;
  const { ignition } = value as { readonly ignition?: unknown };
  return typeof ignition === "object" && ignition !== null && "version" in ignition;
}
