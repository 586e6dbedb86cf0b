import { join } from "node:path";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { parseOpenStackMetadata } from "../core/source-openstack.ts";
import { readIfThere } from "../read-user-data.ts";
import { isThere } from "./file-source.ts";
import type { Availability, UserDataSource } from "./source.ts";

/** An OpenStack configuration drive, mounted: `openstack/latest/user_data` and `meta_data.json`. */
export class ConfigDriveSource implements UserDataSource {
  readonly type = "cloud-drive";
  readonly mayAppear = true;
  readonly place: string;
  readonly #report: (line: string) => void;

  constructor(directory: string, report: (line: string) => void) {
    this.place = directory;
    this.#report = report;
  }

  availability(): Promise<Availability> {
    return isThere(this.place);
  }

  async fetchUserData(): Promise<Uint8Array> {
    return (await this.#read("latest/user_data")) ?? new Uint8Array();
  }

  async fetchMetadata(): Promise<SourceMetadata> {
    const path = "latest/meta_data.json";
    const content = new TextDecoder().decode(await this.#read(path));
    if (content === "") return NO_METADATA;
    const place = join(this.place, "openstack", path);
    const { metadata, networkPath } = parseOpenStackMetadata(content, place);
    if (networkPath === undefined) return metadata;
    // Never beyond the drive, whatever it says.
    const networkConfig = await this.#read(join("/", networkPath));
    return { ...metadata, networkConfig: new TextDecoder().decode(networkConfig) };
  }

  #read(path: string): Promise<Uint8Array | undefined> {
    const file = join(this.place, "openstack", path);
    this.#report(`Attempting to read from "${file}"`);
    return readIfThere(file);
  }
}
