import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { parseOpenStackMetadata } from "../core/source-openstack.ts";
import { ec2Addresses } from "./ec2-source.ts";
import type { HttpGetter } from "./http-getter.ts";
import { ServiceSource } from "./service-source.ts";

const METADATA = "openstack/latest/meta_data.json";

/** The metadata service of OpenStack by its own names; the original reads it as EC2's only. */
export class OpenStackSource extends ServiceSource {
  readonly type = "openstack-metadata-service";

  constructor(root: string, http: HttpGetter) {
    super(root, http, { probe: METADATA, userData: "openstack/latest/user_data" });
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const text = await this.service.fetchText(METADATA, signal);
    if (text === "") return NO_METADATA;
    const { metadata, networkPath } = parseOpenStackMetadata(text, this.place + METADATA);
    const addresses = await ec2Addresses(this.service, signal);
    if (networkPath === undefined) return { ...metadata, ...addresses };
    const networkConfig = await this.service.fetchText(`openstack/${networkPath}`, signal);
    return { ...metadata, ...addresses, networkConfig };
  }
}
