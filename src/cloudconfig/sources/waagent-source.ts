import { join } from "node:path";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { parseSharedConfig } from "../core/source-xml-documents.ts";
import { isGzip, readIfThere } from "../read-user-data.ts";
import { isThere } from "./file-source.ts";
import type { Availability, UserDataSource } from "./source.ts";

/** What Azure's agent has left in its directory once it is done: `CustomData` and `SharedConfig.xml`. */
export class WaagentSource implements UserDataSource {
  readonly type = "waagent";
  readonly mayAppear = true;
  readonly place: string;
  readonly #report: (line: string) => void;

  constructor(directory: string, report: (line: string) => void) {
    this.place = directory;
    this.#report = report;
  }

  availability(): Promise<Availability> {
    return isThere(
      join(this.place, "provisioned"),
      "provisioned, which the agent makes in the end,",
    );
  }

  async fetchUserData(): Promise<Uint8Array> {
    return unwrapped((await this.#read("CustomData")) ?? new Uint8Array());
  }

  async fetchMetadata(): Promise<SourceMetadata> {
    const text = new TextDecoder().decode(await this.#read("SharedConfig.xml"));
    if (text === "") return NO_METADATA;
    return parseSharedConfig(text, join(this.place, "SharedConfig.xml"));
  }

  #read(name: string): Promise<Uint8Array | undefined> {
    const file = join(this.place, name);
    this.#report(`Attempting to read from "${file}"`);
    return readIfThere(file);
  }
}

/** The agent leaves base64 as it came unless it is told to decode it; no user-data looks like that by itself. */
function unwrapped(data: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(data).replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]{4,}={0,2}$/.test(text) || text.length % 4 !== 0) return data;
  const decoded = Buffer.from(text, "base64");
  const isUserData = /^(#!|#cloud-config|\s*\{)/.test(decoded.toString("latin1", 0, 64));
  return isUserData || isGzip(decoded) ? decoded : data;
}
