import { Fault } from "#base/fault.ts";
import { addressField } from "./source-address.ts";
import type { SourceMetadata } from "./source-metadata.ts";
import { parseXml, type XmlElement, XmlError } from "./source-xml.ts";

/**
 * The variables in an OVF environment document (DMTF DSP0243, section 11) of the machine itself: the properties whose
 * keys begin with `guestinfo.`, without that.
 * @throws {Fault} SOURCE_FAILED
 */
export function parseOvfEnvironment(text: string, place: string): Map<string, string> {
  const values = new Map<string, string>();
  if (text.trim() === "") return values;
  for (const section of childrenOf(parse(text, place), "PropertySection"))
    for (const { attributes } of childrenOf(section, "Property")) {
      const [, key] = /^guestinfo\.(.*)$/s.exec(attributes.get("key") ?? "") ?? [];
      if (key !== undefined) values.set(key, attributes.get("value") ?? "");
    }
  return values;
}

/**
 * `SharedConfig.xml` of Azure's agent: the address of the instance that it names, and the public address in front of it.
 * @throws {Fault} SOURCE_FAILED
 */
export function parseSharedConfig(text: string, place: string): SourceMetadata {
  const root = parse(text, place);
  const id = childrenOf(root, "Incarnation").at(-1)?.attributes.get("instance") ?? "";
  const instance = childrenOf(root, "Instances")
    .flatMap((instances) => childrenOf(instances, "Instance"))
    .find(({ attributes }) => (attributes.get("id") ?? "") === id);
  if (instance === undefined) return { sshPublicKeys: {} };
  const endpoints = childrenOf(instance, "InputEndpoints").flatMap((all) =>
    childrenOf(all, "Endpoint"),
  );
  const host = endpoints
    .map(({ attributes }) => attributes.get("loadBalancedPublicAddress") ?? "")
    .map((address) => /^\[?([^\]]*)\]?:[^:\]]*$/.exec(address)?.[1])
    .find((each) => each !== undefined);
  return {
    ...addressField("privateIpv4", instance.attributes.get("address")),
    ...addressField("publicIpv4", host),
    sshPublicKeys: {},
  };
}

function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

function parse(text: string, place: string): XmlElement {
  try {
    return parseXml(text);
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause;
    const line = text.slice(0, cause.offset).split("\n").length;
    throw new Fault(
      "SOURCE_FAILED",
      `Cannot read the metadata at ${place}: line ${line} is no XML as expected: ${cause.message}`,
      { cause },
    );
  }
}
