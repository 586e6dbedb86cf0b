import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { parseOpenStackMetadata } from "../core/source-openstack.ts";
import { ec2Addresses } from "./ec2-source.ts";
import type { HttpGetter } from "./http-getter.ts";
import { MetadataService } from "./metadata-service.ts";
import type { Availability, UserDataSource } from "./source.ts";

const METADATA = "openstack/latest/meta_data.json";

/** The metadata service of OpenStack by its own names; the original reads it as EC2's only. */
export class OpenStackSource implements UserDataSource {
  readonly type = "openstack-metadata-service";
  readonly mayAppear = true;
  readonly place: string;
  readonly #service: MetadataService;

  constructor(root: string, http: HttpGetter) {
    this.#service = new MetadataService(root, http);
    this.place = this.#service.root;
  }

  availability(signal: AbortSignal): Promise<Availability> {
    return this.#service.availability(METADATA, signal);
  }

  fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    return this.#service.fetch("openstack/latest/user_data", signal);
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const text = await this.#service.fetchText(METADATA, signal);
    if (text === "") return NO_METADATA;
    const { metadata, networkPath } = parseOpenStackMetadata(text, this.place + METADATA);
    const addresses = await ec2Addresses(this.#service, signal);
    if (networkPath === undefined) return { ...metadata, ...addresses };
    const networkConfig = await this.#service.fetchText(`openstack/${networkPath}`, signal);
    return { ...metadata, ...addresses, networkConfig };
  }
}
