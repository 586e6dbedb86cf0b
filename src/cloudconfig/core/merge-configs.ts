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

/**
 * One cloud-config of the vendor's, such as /usr/share/oem/cloud-config.yml, and the user's: of a value in both the
 * user's counts, and of lists the vendor's items come first, so that a file or unit of both is the user's. The original's
 * units apply the two one after the other at boot; there a daemon that both set up keeps the user's settings alone.
 */
export function mergeConfigs(vendor: CloudConfig, user: CloudConfig): CloudConfig {
  return mergeMaps(vendor as PlainMap, user as PlainMap) as CloudConfig;
}

type PlainMap = Readonly<Record<string, unknown>>;

function mergeMaps(under: PlainMap, over: PlainMap): PlainMap {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over))
    if (value !== undefined) merged[key] = mergeValues(under[key], value);
  return merged;
}

function mergeValues(under: unknown, over: unknown): unknown {
  if (Array.isArray(under) && Array.isArray(over)) return [...under, ...over];
  return isPlainMap(under) && isPlainMap(over) ? mergeMaps(under, over) : over;
}

function isPlainMap(value: unknown): value is PlainMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}
