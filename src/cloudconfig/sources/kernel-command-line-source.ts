import { readFile } from "node:fs/promises";
import { Fault, reasonOf } from "#base/fault.ts";
import { cloudConfigUrl } from "../core/source-kernel-command-line.ts";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter } from "./http-getter.ts";
import { AVAILABLE, type Availability, type UserDataSource } from "./source.ts";
import { fetchUrl } from "./url-source.ts";

/** User-data at the URL that `cloud-config-url=` names on the kernel's command line, as network boot gives it. */
export class KernelCommandLineSource implements UserDataSource {
  readonly type = "proc-cmdline";
  readonly mayAppear = false;
  readonly place: string;
  readonly #http: HttpGetter;

  /** @param path where the kernel shows its command line, /proc/cmdline */
  constructor(path: string, http: HttpGetter) {
    this.place = path;
    this.#http = http;
  }

  async availability(): Promise<Availability> {
    try {
      if ((await this.#url()) !== undefined) return AVAILABLE;
      return { available: false, reason: `${this.place} names no cloud-config-url=URL` };
    } catch (error) {
      return { available: false, reason: reasonOf(error) };
    }
  }

  async fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    const url = await this.#url();
    if (url !== undefined) return await fetchUrl(url, this.#http, signal);
    throw new Fault("SOURCE_FAILED", `Cannot get user-data: ${this.place} names no URL`);
  }

  fetchMetadata(): Promise<SourceMetadata> {
    return Promise.resolve(NO_METADATA);
  }

  async #url(): Promise<string | undefined> {
    return cloudConfigUrl(await readFile(this.place, "utf8"));
  }
}
