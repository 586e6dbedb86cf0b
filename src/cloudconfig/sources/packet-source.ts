import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { parsePacketMetadata } from "../core/source-packet.ts";
import type { HttpGetter } from "./http-getter.ts";
import { ServiceSource } from "./service-source.ts";

/** Packet's metadata service. */
export class PacketSource extends ServiceSource {
  readonly type = "packet-metadata-service";

  constructor(root: string, http: HttpGetter) {
    super(root, http, { probe: "", userData: "userdata" });
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const text = await this.service.fetchText("metadata", signal);
    return text === "" ? NO_METADATA : parsePacketMetadata(text, `${this.place}metadata`);
  }
}
