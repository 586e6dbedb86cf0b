import { Fault } from "#base/fault.ts";
import { addressField } from "../core/source-address.ts";
import type { SourceMetadata } from "../core/source-metadata.ts";
import type { HttpGetter, HttpSession } from "./http-getter.ts";
import type { MetadataService } from "./metadata-service.ts";
import { ServiceSource } from "./service-source.ts";

const VERSION = "2009-04-04/";
const METADATA = `${VERSION}meta-data`;

/** What EC2 asks for where the first version of its service is switched off (IMDSv2). */
export function ec2Session(root: string): HttpSession {
  return {
    url: `${root.replace(/\/?$/, "/")}latest/api/token`,
    headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" }, // six hours, the most there is
    tokenHeader: "x-aws-ec2-metadata-token",
  };
}

/** The metadata service of EC2, which OpenStack and others offer too. */
export class Ec2Source extends ServiceSource {
  readonly type = "ec2-metadata-service";
  readonly #report: (line: string) => void;

  constructor(root: string, http: HttpGetter, report: (line: string) => void) {
    super(root, http, { probe: VERSION, userData: `${VERSION}user-data` });
    this.#report = report;
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const sshPublicKeys = await this.#keys(signal);
    const hostname = (await this.#attribute("hostname", signal)).split(" ", 1)[0];
    return {
      sshPublicKeys,
      ...(hostname ? { hostname } : {}),
      ...(await ec2Addresses(this.service, signal)),
    };
  }

  async #keys(signal: AbortSignal): Promise<Record<string, string>> {
    const listing = await this.service.fetchText(`${METADATA}/public-keys`, signal);
    const numbers = new Map<string, string>();
    for (const line of listing.split(/\r?\n/).filter((each) => each !== "")) {
      const [, number, name] = /^([^=]*)=(.*)$/.exec(line) ?? [];
      if (number === undefined || name === undefined)
        throw new Fault(
          "SOURCE_FAILED",
          `Cannot read the metadata at ${this.place}: malformed public key "${line}", expected NUMBER=NAME`,
        );
      numbers.set(name, number);
    }
    const keys: Record<string, string> = {};
    for (const [name, number] of numbers) {
      keys[name] = await this.#attribute(`public-keys/${number}/openssh-key`, signal);
      this.#report(`Found SSH key for "${name}"`);
    }
    return keys;
  }

  #attribute(name: string, signal: AbortSignal): Promise<string> {
    return fetchAttribute(this.service, name, signal);
  }
}

/** The addresses by EC2's names for them, which OpenStack has nowhere else. */
export async function ec2Addresses(
  service: MetadataService,
  signal: AbortSignal,
): Promise<Partial<SourceMetadata>> {
  return {
    ...addressField("privateIpv4", await fetchAttribute(service, "local-ipv4", signal)),
    ...addressField("publicIpv4", await fetchAttribute(service, "public-ipv4", signal)),
  };
}

/** An attribute's first line. */
async function fetchAttribute(
  service: MetadataService,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const text = await service.fetchText(`${METADATA}/${name}`, signal);
  return (text.split("\n", 1)[0] ?? "").replace(/\r$/, "");
}
