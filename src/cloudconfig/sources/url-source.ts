import { Fault, reasonOf } from "#base/fault.ts";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter } from "./http-getter.ts";
import { AVAILABLE, type Availability, type UserDataSource } from "./source.ts";

/** User-data at a URL. */
export class UrlSource implements UserDataSource {
  readonly type = "url";
  readonly mayAppear = true;
  readonly place: string;
  readonly #http: HttpGetter;

  constructor(url: string, http: HttpGetter) {
    this.place = url;
    this.#http = http;
  }

  async availability(signal: AbortSignal): Promise<Availability> {
    try {
      const answer = await this.#http.get(this.place, signal);
      return answer.found ? AVAILABLE : { available: false, reason: `it answers ${answer.status}` };
    } catch (error) {
      signal.throwIfAborted();
      return { available: false, reason: reasonOf(error) };
    }
  }

  fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    return fetchUrl(this.place, this.#http, signal);
  }

  fetchMetadata(): Promise<SourceMetadata> {
    return Promise.resolve(NO_METADATA);
  }
}

/**
 * What a URL has to have.
 * @throws {Fault} SOURCE_FAILED
 */
export async function fetchUrl(
  url: string,
  http: HttpGetter,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const answer = await http.getRetry(url, signal);
  if (answer.found) return answer.body;
  throw new Fault(
    "SOURCE_FAILED",
    `Cannot fetch ${url}: the server answers ${answer.status}; see that the user-data is there`,
  );
}
