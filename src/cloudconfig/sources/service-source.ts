import type { SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter } from "./http-getter.ts";
import { MetadataService } from "./metadata-service.ts";
import type { Availability, UserDataSource } from "./source.ts";

/** Paths of a cloud's metadata service, below its URL. */
export interface ServicePaths {
  /** What is there when the service is. */
  readonly probe: string;
  readonly userData: string;
}

/** A source that is one metadata service; how it tells of the machine differs from cloud to cloud. */
export abstract class ServiceSource implements UserDataSource {
  abstract readonly type: string;
  readonly mayAppear = true;
  readonly place: string;
  protected readonly service: MetadataService;
  readonly #paths: ServicePaths;

  constructor(root: string, http: HttpGetter, paths: ServicePaths) {
    this.service = new MetadataService(root, http);
    this.place = this.service.root;
    this.#paths = paths;
  }

  availability(signal: AbortSignal): Promise<Availability> {
    return this.service.availability(this.#paths.probe, signal);
  }

  fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    return this.service.fetch(this.#paths.userData, signal);
  }

  abstract fetchMetadata(signal: AbortSignal): Promise<SourceMetadata>;
}
