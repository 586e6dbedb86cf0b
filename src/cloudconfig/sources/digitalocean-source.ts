import { parseDigitalOceanMetadata } from "../core/source-digitalocean.ts";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter } from "./http-getter.ts";
import { ServiceSource } from "./service-source.ts";

const VERSION = "metadata/v1";

/** DigitalOcean's metadata service. */
export class DigitalOceanSource extends ServiceSource {
  readonly type = "digitalocean-metadata-service";

  constructor(root: string, http: HttpGetter) {
    super(root, http, { probe: VERSION, userData: `${VERSION}/user-data` });
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const text = await this.service.fetchText(`${VERSION}.json`, signal);
    if (text === "") return NO_METADATA;
    return parseDigitalOceanMetadata(text, `${this.place}${VERSION}.json`);
  }
}
