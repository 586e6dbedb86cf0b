import type { FakeRoutes } from "./metadata-service-for-tests.ts";

/** A metadata service that a source reads; values are made up, shapes are the providers'. */
export interface Scenario {
  readonly name: string;
  readonly source: "ec2" | "gce" | "digitalocean" | "packet" | "openstack";
  readonly routes: FakeRoutes;
}

const RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ alice@laptop";
const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBob bob@desk";

const EC2 = {
  "/2009-04-04/": "meta-data/\nuser-data",
  "/2009-04-04/user-data": "#cloud-config\nhostname: given\n",
  "/2009-04-04/meta-data/public-keys": "0=alice\n1=bob",
  "/2009-04-04/meta-data/public-keys/0/openssh-key": `${RSA}\n`,
  "/2009-04-04/meta-data/public-keys/1/openssh-key": ED25519,
  "/2009-04-04/meta-data/hostname": "node-1.example.com node-1",
  "/2009-04-04/meta-data/local-ipv4": "10.0.0.4",
  "/2009-04-04/meta-data/public-ipv4": "203.0.113.9\n",
};

const GCE = {
  "/computeMetadata/v1/": "instance/\nproject/\n",
  "/computeMetadata/v1/instance/attributes/user-data": "#!/bin/sh\necho hello\n",
  "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip": "203.0.113.20",
  "/computeMetadata/v1/instance/network-interfaces/0/ip": "10.128.0.2",
  "/computeMetadata/v1/instance/hostname": "node-1.c.project-7.internal",
};

const DROPLET = {
  droplet_id: 2756294,
  hostname: "sample-droplet",
  vendor_data: "#cloud-config\n",
  public_keys: [RSA, ED25519],
  region: "nyc3",
  interfaces: {
    private: [
      {
        ipv4: { ip_address: "10.132.255.113", netmask: "255.255.0.0", gateway: "10.132.0.1" },
        mac: "04:01:2a:0f:2a:02",
        type: "private",
      },
    ],
    public: [
      {
        ipv4: { ip_address: "203.0.113.20", netmask: "255.255.255.0", gateway: "203.0.113.1" },
        ipv6: { ip_address: "2001:0DB8:0800:0010:0000:0000:017D:2001", cidr: 64, gateway: "::1" },
        anchor_ipv4: { ip_address: "10.17.0.9", netmask: "255.255.0.0", gateway: "10.17.0.1" },
        mac: "04:01:2a:0f:2a:01",
        type: "public",
      },
    ],
  },
  dns: { nameservers: ["2001:4860:4860::8844", "8.8.8.8"] },
};

const PACKET = {
  id: "f955e31c-cab6-44d6-872c-9614c2024bb4",
  hostname: "metal-1",
  ssh_keys: [ED25519],
  network: {
    bonding: { mode: 4 },
    interfaces: [
      { name: "eth0", mac: "00:25:90:f6:2f:2a" },
      { name: "eth1", mac: "00:25:90:f6:2f:2b" },
    ],
    addresses: [
      address("198.51.100.7", { family: 4, isPublic: true }),
      address("2001:db8:1::3", { family: 6, isPublic: true }),
      address("10.99.0.3", { family: 4, isPublic: false }),
    ],
    dns: ["8.8.8.8", "8.8.4.4"],
  },
};

function address(text: string, { family, isPublic }: { family: number; isPublic: boolean }) {
  return { address: text, address_family: family, public: isPublic, cidr: 31, gateway: "10.0.0.1" };
}

const OPENSTACK_EC2 = {
  "/2009-04-04/meta-data/local-ipv4": "192.168.7.4",
  "/2009-04-04/meta-data/public-ipv4": "",
};
const OPENSTACK = {
  "/openstack/latest/user_data": "#cloud-config\n",
  "/openstack/latest/meta_data.json": JSON.stringify({
    uuid: "d8e02d56-2648-49a3-bf97-6be8f1204f38",
    availability_zone: "nova",
    hostname: "control.novalocal",
    launch_index: 0,
    public_keys: { mykey: `${RSA}\n` },
    network_config: { content_path: "/content/0000", name: "network_config" },
  }),
  "/openstack/content/0000": "auto lo\niface lo inet loopback\n",
  ...OPENSTACK_EC2,
};

const droplet = (changes: object) => ({
  "/metadata/v1": "id\nhostname\n",
  "/metadata/v1/user-data": "#cloud-config\n",
  "/metadata/v1.json": JSON.stringify({ ...DROPLET, ...changes }),
});
const packet = (changes: object) => ({
  "/": "metadata\nuserdata\n",
  "/userdata": "#cloud-config\n",
  "/metadata": JSON.stringify({ ...PACKET, ...changes }),
});
function without<T extends object>(routes: T, ...paths: readonly (keyof T & string)[]): FakeRoutes {
  return Object.fromEntries(
    Object.entries(routes as FakeRoutes).filter(([path]) => !paths.some((each) => each === path)),
  );
}

export const SCENARIOS: readonly Scenario[] = [
  { name: "all of EC2's metadata", source: "ec2", routes: EC2 },
  { name: "EC2 without user-data", source: "ec2", routes: without(EC2, "/2009-04-04/user-data") },
  {
    name: "EC2 without keys and a public address",
    source: "ec2",
    routes: without(EC2, "/2009-04-04/meta-data/public-keys", "/2009-04-04/meta-data/public-ipv4"),
  },
  {
    name: "EC2's keys of one name: the last number's",
    source: "ec2",
    routes: { ...EC2, "/2009-04-04/meta-data/public-keys": "0=alice\r\n1=alice" },
  },
  {
    name: "EC2's key without a number",
    source: "ec2",
    routes: { ...EC2, "/2009-04-04/meta-data/public-keys": "alice" },
  },
  {
    name: "EC2's addresses that are none",
    source: "ec2",
    routes: {
      ...EC2,
      "/2009-04-04/meta-data/local-ipv4": "10.0.0.256",
      "/2009-04-04/meta-data/public-ipv4": "pending",
    },
  },
  {
    name: "EC2 in trouble for a while",
    source: "ec2",
    routes: {
      ...EC2,
      "/2009-04-04/user-data": [{ status: 503 }, { status: 0 }, "#cloud-config\n"],
      "/2009-04-04/meta-data/hostname": [{ status: 500 }, "node-2"],
    },
  },
  {
    name: "EC2 behind redirections",
    source: "ec2",
    routes: {
      ...EC2,
      "/2009-04-04/user-data": { status: 302, headers: { location: "/elsewhere" } },
      "/elsewhere": { status: 307, headers: { location: "2009-04-04/there" } },
      "/2009-04-04/there": "#cloud-config\nhostname: moved\n",
    },
  },
  { name: "nothing of EC2", source: "ec2", routes: {} },
  { name: "all of GCE's metadata", source: "gce", routes: GCE },
  {
    name: "GCE without a public address and user-data",
    source: "gce",
    routes: without(
      GCE,
      "/computeMetadata/v1/instance/attributes/user-data",
      "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip",
    ),
  },
  {
    name: "GCE's empty public address",
    source: "gce",
    routes: {
      ...GCE,
      "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip": "",
    },
  },
  {
    name: "GCE's address that is none",
    source: "gce",
    routes: { ...GCE, "/computeMetadata/v1/instance/network-interfaces/0/ip": "ten" },
  },
  { name: "all of DigitalOcean's metadata", source: "digitalocean", routes: droplet({}) },
  {
    name: "a droplet without keys and a private network",
    source: "digitalocean",
    routes: droplet({
      public_keys: null,
      interfaces: { public: [{ ipv4: { ip_address: "203.0.113.21" } }] },
    }),
  },
  {
    name: "a droplet with IPv6 only, of several interfaces the first",
    source: "digitalocean",
    routes: droplet({
      interfaces: {
        public: [{ ipv6: { ip_address: "2001:db8::a" } }, { ipv4: { ip_address: "203.0.113.22" } }],
        private: [{ ipv4: { ip_address: "not one" }, ipv6: { ip_address: "fd00::1" } }],
      },
    }),
  },
  {
    name: "a droplet that says nothing of itself",
    source: "digitalocean",
    routes: { "/metadata/v1": "", "/metadata/v1.json": "{}" },
  },
  {
    name: "a droplet without metadata",
    source: "digitalocean",
    routes: { "/metadata/v1": "" },
  },
  {
    name: "a droplet's metadata that is no JSON",
    source: "digitalocean",
    routes: { ...droplet({}), "/metadata/v1.json": "<html>" },
  },
  {
    name: "a droplet's hostname that is a number",
    source: "digitalocean",
    routes: droplet({ hostname: 5 }),
  },
  { name: "all of Packet's metadata", source: "packet", routes: packet({}) },
  {
    name: "Packet's several addresses of a kind: the last",
    source: "packet",
    routes: packet({
      ssh_keys: null,
      network: {
        addresses: [
          address("198.51.100.8", { family: 4, isPublic: true }),
          address("198.51.100.9", { family: 4, isPublic: true }),
          address("fd00::5", { family: 6, isPublic: false }),
        ],
      },
    }),
  },
  {
    name: "Packet's metadata without a network",
    source: "packet",
    routes: packet({ network: undefined }),
  },
  {
    name: "Packet's address that is none",
    source: "packet",
    routes: packet({
      network: { addresses: [address("198.51.100", { family: 4, isPublic: true })] },
    }),
  },
  { name: "all of OpenStack's metadata", source: "openstack", routes: OPENSTACK },
  {
    name: "OpenStack without user-data",
    source: "openstack",
    routes: without(OPENSTACK, "/openstack/latest/user_data"),
  },
  {
    name: "OpenStack's metadata without keys and a network",
    source: "openstack",
    routes: { ...OPENSTACK, "/openstack/latest/meta_data.json": '{"public_keys":null}' },
  },
  { name: "nothing of OpenStack", source: "openstack", routes: OPENSTACK_EC2 },
];
