import type { KeyEvent } from "#keys/core/event.ts";

/** A key of the mirrored part; directories are not kept, only what holds a value. */
export interface MirrorEntry {
  readonly key: string;
  readonly value: string;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

export interface MirrorChange {
  readonly key: string;
  readonly before: MirrorEntry | undefined;
  readonly after: MirrorEntry | undefined;
  /**
   * The event that says so; absent when the difference was found by listing again. A key that is merely missing
   * from a list was not recorded as removed, and nothing may be taken away for it.
   */
  readonly event: KeyEvent | undefined;
}
