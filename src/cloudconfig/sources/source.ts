import type { SourceMetadata } from "../core/source-metadata.ts";

/** A place where user-data comes from: a file, a drive, a cloud's metadata service. */
export interface UserDataSource {
  /** As the original names it in what it prints, such as `ec2-metadata-service`. */
  readonly type: string;
  /** The path or URL, for messages. */
  readonly place: string;
  /** Whether one that is not available may become so: a drive is mounted late, a network comes up. */
  readonly mayAppear: boolean;
  /** Asks once, without trying again. Why it is not, when it is not. */
  availability(signal: AbortSignal): Promise<Availability>;
  /**
   * The user-data as it is kept there, perhaps compressed; empty when the place has none.
   * @throws {Fault} SOURCE_FAILED, FILE_UNREADABLE
   */
  fetchUserData(signal: AbortSignal): Promise<Uint8Array>;
  /**
   * What it tells of the machine.
   * @throws {Fault} SOURCE_FAILED, FILE_UNREADABLE
   */
  fetchMetadata(signal: AbortSignal): Promise<SourceMetadata>;
}

export type Availability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

export const AVAILABLE: Availability = { available: true };
