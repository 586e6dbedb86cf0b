import { reasonOf } from "#base/fault.ts";
import type { HttpGetter } from "./http-getter.ts";
import { AVAILABLE, type Availability } from "./source.ts";

/** A metadata service below one URL, as clouds have them: what it does not have is empty, not an error. */
export class MetadataService {
  /** With a slash at the end. */
  readonly root: string;
  readonly #http: HttpGetter;

  constructor(root: string, http: HttpGetter) {
    this.root = root.endsWith("/") ? root : `${root}/`;
    this.#http = http;
  }

  /** Whether something is at `path` below the service's URL. */
  async availability(path: string, signal: AbortSignal): Promise<Availability> {
    try {
      const answer = await this.#http.get(this.root + path, signal);
      if (answer.found) return AVAILABLE;
      return { available: false, reason: `/${path} answers ${answer.status}` };
    } catch (error) {
      signal.throwIfAborted();
      return { available: false, reason: reasonOf(error) };
    }
  }

  /**
   * What is at `path`; nothing when the service answers 4xx.
   * @throws {Fault} SOURCE_FAILED
   */
  async fetch(path: string, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#http.getRetry(this.root + path, signal);
    return answer.found ? answer.body : new Uint8Array();
  }

  /** As text. */
  async fetchText(path: string, signal: AbortSignal): Promise<string> {
    return new TextDecoder().decode(await this.fetch(path, signal));
  }
}
