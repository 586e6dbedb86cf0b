/** A directory that a source reads; values are made up, shapes are the providers'. */
export interface FileScenario {
  readonly name: string;
  readonly source: "configdrive" | "waagent" | "ovf";
  /** By their path below the directory; an OVF environment is `ovf-env.xml`. */
  readonly files: Readonly<Record<string, string>>;
}

const META_DATA = {
  availability_zone: "nova",
  hostname: "worker01.novalocal",
  name: "worker01",
  public_keys: { admin: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ admin@cloud" },
  uuid: "83679162-1378-4288-a2d4-70e13ec132aa",
};
const USER_DATA = "#cloud-config\nhostname: given\n";
const drive = (metaData: unknown, more: Readonly<Record<string, string>> = {}) => ({
  "openstack/latest/user_data": USER_DATA,
  "openstack/latest/meta_data.json": JSON.stringify(metaData),
  ...more,
});

const shared = (instances: string) => `<?xml version="1.0" encoding="utf-8"?>
<SharedConfig version="1.0.0.0" goalStateIncarnation="1">
  <Deployment name="db00a7755a5e4e8a8fe4b19bc3b330c3" guid="{ce5a036f}" incarnation="1"/>
  <Incarnation number="1" instance="core-1" guid="{8767eb4b}" />
  <!-- <Instance id="core-1" address="192.0.2.99"/> -->
  <Instances>${instances}</Instances>
</SharedConfig>`;
const instance = (id: string, address: string, endpoints = "") =>
  `<Instance id="${id}" address="${address}"><FaultDomains randomId="0"/>
    <InputEndpoints>${endpoints}</InputEndpoints></Instance>`;
const endpoint = (address: string) =>
  `<Endpoint name="ssh" address="10.0.0.4:22" protocol="tcp" loadBalancedPublicAddress="${address}"/>`;
const azure = (sharedConfig: string) => ({
  provisioned: "",
  CustomData: USER_DATA,
  "SharedConfig.xml": sharedConfig,
});

const property = (key: string, value: string) => `<Property oe:key="${key}" oe:value="${value}"/>`;
const ovf = (properties: Readonly<Record<string, string>>, more = "") => ({
  "ovf-env.xml": `<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"
  xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
  <PlatformSection><Kind>VMware ESXi</Kind><Version>6.0.0</Version></PlatformSection>
  <PropertySection>
    ${Object.entries(properties)
      .map(([key, value]) => property(`guestinfo.${key}`, value))
      .join("\n    ")}
    ${property("other", "not a guestinfo")}
  </PropertySection>
  ${more}
</Environment>
`,
});
const BASE64 = Buffer.from(USER_DATA).toString("base64");
const STATIC = {
  hostname: "vm-1",
  "dns.server.0": "192.0.2.53",
  "dns.server.1": "192.0.2.54",
  "dns.server.3": "192.0.2.56",
  "dns.domain.0": "example.com",
  "interface.0.name": "ens192",
  "interface.0.role": "private",
  "interface.0.dhcp": "no",
  "interface.0.ip.0.address": "10.0.0.100/24",
  "interface.0.ip.1.address": "fd00::64/64",
  "interface.0.route.0.gateway": "10.0.0.1",
  "interface.0.route.0.destination": "0.0.0.0/0",
  "interface.1.mac": "00:11:22:33:44:55",
  "interface.1.role": "public",
  "interface.1.ip.0.address": "203.0.113.7/28",
  "interface.3.name": "never",
};

export const FILE_SCENARIOS: readonly FileScenario[] = [
  { name: "a drive with user-data and metadata", source: "configdrive", files: drive(META_DATA) },
  {
    name: "a drive with a description of the network",
    source: "configdrive",
    files: drive(
      { ...META_DATA, network_config: { name: "network_config", content_path: "/content/0000" } },
      { "openstack/content/0000": "auto eth0\niface eth0 inet dhcp\n" },
    ),
  },
  {
    name: "a drive whose network's description is not there",
    source: "configdrive",
    files: drive({ network_config: { content_path: "content/0007" } }),
  },
  {
    name: "a drive without metadata",
    source: "configdrive",
    files: { "openstack/latest/user_data": "#!/bin/sh\n" },
  },
  {
    name: "a drive without user-data",
    source: "configdrive",
    files: {
      "openstack/latest/meta_data.json": JSON.stringify(META_DATA),
    },
  },
  { name: "an empty drive", source: "configdrive", files: { README: "" } },
  {
    name: "a drive with null for what it does not say",
    source: "configdrive",
    files: drive({ hostname: null, public_keys: null, network_config: null }),
  },
  {
    name: "a drive with metadata that is no JSON",
    source: "configdrive",
    files: { "openstack/latest/meta_data.json": "{hostname: a}" },
  },
  {
    name: "a drive whose keys are a list",
    source: "configdrive",
    files: drive({ ...META_DATA, public_keys: ["ssh-rsa AAAA"] }),
  },
  {
    name: "an instance of Azure's, of several",
    source: "waagent",
    files: azure(
      shared(
        instance("core-2", "10.0.0.5", endpoint("203.0.113.5:22")) +
          instance("core-1", "10.0.0.4", endpoint("203.0.113.4:22") + endpoint("203.0.113.9:80")),
      ),
    ),
  },
  {
    name: "an instance of Azure's behind nothing",
    source: "waagent",
    files: azure(shared(instance("core-1", "10.0.0.4"))),
  },
  {
    name: "an instance of Azure's with an address without a port",
    source: "waagent",
    files: azure(
      shared(instance("core-1", "10.0.0.4", endpoint("203.0.113.4") + endpoint("203.0.113.9:80"))),
    ),
  },
  {
    name: "another instance of Azure's",
    source: "waagent",
    files: azure(shared(instance("core-7", "10.0.0.4"))),
  },
  { name: "Azure without metadata", source: "waagent", files: { provisioned: "", CustomData: "" } },
  { name: "Azure's metadata cut short", source: "waagent", files: azure("<SharedConfig><Inst") },
  { name: "an OVF environment with an address of each kind", source: "ovf", files: ovf(STATIC) },
  {
    name: "an OVF environment with user-data",
    source: "ovf",
    files: ovf({ "coreos.config.data": "#cloud-config&#10;hostname: &quot;a&amp;b&quot;" }),
  },
  {
    name: "an OVF environment with user-data in base64",
    source: "ovf",
    files: ovf({ "coreos.config.data": BASE64, "coreos.config.data.encoding": "base64" }),
  },
  {
    name: "an OVF environment with user-data in gzip and base64",
    source: "ovf",
    files: ovf({
      // printf '#cloud-config\n' | gzip -n | base64
      "coreos.config.data": "H4sIAAAAAAAAA1NOzskvTdFNzs9Ly0znAgAFVrO4DgAAAA==",
      "coreos.config.data.encoding": "gzip+base64",
    }),
  },
  {
    name: "an OVF environment with an encoding that is none",
    source: "ovf",
    files: ovf({ "coreos.config.data": "x", "coreos.config.data.encoding": "rot13" }),
  },
  {
    name: "an OVF environment with base64 that is none",
    source: "ovf",
    files: ovf({ "coreos.config.data": "§§", "coreos.config.data.encoding": "base64" }),
  },
  {
    name: "an OVF environment of several machines: one's own",
    source: "ovf",
    files: ovf(
      { hostname: "vm-1" },
      `<Entity oe:id="other"><PropertySection>${property("guestinfo.hostname", "vm-2")}</PropertySection></Entity>`,
    ),
  },
  {
    name: "an OVF environment with an address without a length",
    source: "ovf",
    files: ovf({ "interface.0.ip.0.address": "10.0.0.100" }),
  },
  {
    name: "an OVF environment with a role that is none",
    source: "ovf",
    files: ovf({ "interface.0.role": "dmz", "interface.0.ip.0.address": "10.0.0.100/24" }),
  },
  {
    name: "an OVF environment with interfaces without a role",
    source: "ovf",
    files: ovf({ "interface.0.ip.0.address": "10.0.0.100/24" }),
  },
  { name: "an empty OVF environment", source: "ovf", files: { "ovf-env.xml": "" } },
];
