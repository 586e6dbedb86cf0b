import { parseDigitalOceanMetadata } from "../core/source-digitalocean.ts";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter } from "./http-getter.ts";
import { MetadataService } from "./metadata-service.ts";
import type { Availability, UserDataSource } from "./source.ts";

const VERSION = "metadata/v1";

/** DigitalOcean's metadata service. */
export class DigitalOceanSource implements UserDataSource {
  readonly type = "digitalocean-metadata-service";
  readonly mayAppear = true;
  readonly place: string;
  readonly #service: MetadataService;

  constructor(root: string, http: HttpGetter) {
    this.#service = new MetadataService(root, http);
    this.place = this.#service.root;
  }

  availability(signal: AbortSignal): Promise<Availability> {
    return this.#service.availability(VERSION, signal);
  }

  fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    return this.#service.fetch(`${VERSION}/user-data`, signal);
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const text = await this.#service.fetchText(`${VERSION}.json`, signal);
    if (text === "") return NO_METADATA;
    return parseDigitalOceanMetadata(text, `${this.place}${VERSION}.json`);
  }
}
