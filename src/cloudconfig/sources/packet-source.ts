import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { parsePacketMetadata } from "../core/source-packet.ts";
import type { HttpGetter } from "./http-getter.ts";
import { MetadataService } from "./metadata-service.ts";
import type { Availability, UserDataSource } from "./source.ts";

/** Packet's metadata service. */
export class PacketSource implements UserDataSource {
  readonly type = "packet-metadata-service";
  readonly mayAppear = true;
  readonly place: string;
  readonly #service: MetadataService;

  constructor(root: string, http: HttpGetter) {
    this.#service = new MetadataService(root, http);
    this.place = this.#service.root;
  }

  availability(signal: AbortSignal): Promise<Availability> {
    return this.#service.availability("", signal);
  }

  fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    return this.#service.fetch("userdata", signal);
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const text = await this.#service.fetchText("metadata", signal);
    return text === "" ? NO_METADATA : parsePacketMetadata(text, `${this.place}metadata`);
  }
}
