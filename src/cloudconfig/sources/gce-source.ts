import { Fault } from "#base/fault.ts";
import { addressField, parseAddress } from "../core/source-address.ts";
import type { SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter } from "./http-getter.ts";
import { ServiceSource } from "./service-source.ts";

const VERSION = "computeMetadata/v1/";
const INSTANCE = `${VERSION}instance/`;

/** Without it the service refuses, so that no page in a browser can ask it. */
export const GCE_HEADERS = { "metadata-flavor": "Google" };

/** Google Compute Engine's metadata service. */
export class GceSource extends ServiceSource {
  readonly type = "gce-metadata-service";

  /** @param http sends GCE_HEADERS */
  constructor(root: string, http: HttpGetter) {
    super(root, http, { probe: VERSION, userData: `${INSTANCE}attributes/user-data` });
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const outer = await this.#address("network-interfaces/0/access-configs/0/external-ip", signal);
    const inner = await this.#address("network-interfaces/0/ip", signal);
    const hostname = (await this.service.fetchText(`${INSTANCE}hostname`, signal)).trim();
    return {
      ...addressField("publicIpv4", outer),
      ...addressField("privateIpv4", inner),
      ...(hostname === "" ? {} : { hostname }),
      sshPublicKeys: {},
    };
  }

  async #address(name: string, signal: AbortSignal): Promise<string> {
    const text = (await this.service.fetchText(INSTANCE + name, signal)).trim();
    if (text === "" || parseAddress(text) !== undefined) return text;
    throw new Fault(
      "SOURCE_FAILED",
      `Cannot read the metadata at ${this.place}: ${name} is "${text}", which is no IP address`,
    );
  }
}
