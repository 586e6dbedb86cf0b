import type { CloudConfig } from "./schema.ts";
import type { SourceMetadata } from "./source-metadata.ts";

/** What a source tells of the machine, as part of its cloud-config. */
type ToldByMetadata = Pick<SourceMetadata, "hostname" | "sshPublicKeys">;

/** The cloud-config with its source's metadata in it: the hostname, unless it has one itself, and keys for `core`. */
export function mergeMetadata(config: CloudConfig, metadata: ToldByMetadata): CloudConfig {
  const hostname = config.hostname ?? metadata.hostname;
  const added = Object.keys(metadata.sshPublicKeys)
    .toSorted()
    .map((name) => metadata.sshPublicKeys[name]!);
  const keys = [...(config.ssh_authorized_keys ?? []), ...added];
  return {
    ...config,
    ...(hostname === undefined ? {} : { hostname }),
    ...(keys.length === 0 ? {} : { ssh_authorized_keys: [...new Set(keys)] }),
  };
}
