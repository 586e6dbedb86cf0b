import * as v from "valibot";
import { OptionalText, OptionalTexts, parseSourceJson } from "./source-json.ts";
import type { SourceMetadata } from "./source-metadata.ts";

const MetaData = v.object({
  hostname: OptionalText,
  public_keys: OptionalTexts,
  network_config: v.nullish(v.object({ content_path: OptionalText })),
});

export interface OpenStackMetadata {
  readonly metadata: SourceMetadata;
  /** Where the network's description lies below `openstack/`, such as `content/0000`. */
  readonly networkPath: string | undefined;
}

/**
 * `openstack/latest/meta_data.json` of a configuration drive or of the metadata service (OpenStack Compute, "Metadata").
 * @throws {Fault} SOURCE_FAILED
 */
export function parseOpenStackMetadata(text: string, place: string): OpenStackMetadata {
  const data = parseSourceJson(MetaData, text, place);
  const path = (data.network_config?.content_path ?? "").replace(/^\/+/, "");
  return {
    metadata: {
      ...(data.hostname === "" ? {} : { hostname: data.hostname }),
      sshPublicKeys: trimmed(data.public_keys),
    },
    networkPath: path === "" ? undefined : path,
  };
}

/** OpenStack keeps the newline that ends a key's file. */
function trimmed(keys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, key.trim()]));
}
