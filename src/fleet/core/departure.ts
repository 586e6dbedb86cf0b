/** How a machine's record went: let go of on purpose, run out, or not found when listing again. */
export type Departure = "deleted" | "expired" | "missing";

/** A key that went; `by` is the key of the event, absent when the key was found missing by listing. */
interface Removal {
  readonly key: string;
  readonly by: { readonly key: string; readonly action: string } | undefined;
}

/** Whether the change is somebody's removal of `directory` or of a key in it, not of something above. */
export function isRemovalOf({ by }: Removal, directory: string): boolean {
  if (by === undefined || (by.action !== "delete" && by.action !== "compareAndDelete"))
    return false;
  return by.key === directory || by.key.startsWith(`${directory}/`);
}

export function departure({ key, by }: Removal): Departure {
  const directory = key.slice(0, key.lastIndexOf("/"));
  if (by === undefined || (by.key !== key && by.key !== directory)) return "missing";
  return by.action === "expire" ? "expired" : "deleted";
}
