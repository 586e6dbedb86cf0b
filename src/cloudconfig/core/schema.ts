import { UNIT_COMMANDS } from "./action.ts";
import * as check from "./checks.ts";
import { ETCD, ETCD2 } from "./etcd-keys.ts";
import {
  boolean,
  bytes,
  integer,
  list,
  map,
  number,
  oneOf,
  requiring,
  text,
  type ValueOf,
} from "./shape.ts";

export const FLEET = map({
  agent_ttl: text({ env: "FLEET_AGENT_TTL" }),
  /** Ours: where fleetd's API listens, and the URL it tells the other machines. */
  api_advertise: text({ env: "FLEET_API_ADVERTISE" }),
  api_exec: text({ env: "FLEET_API_EXEC" }),
  api_listen: text({ env: "FLEET_API_LISTEN" }),
  authorized_keys_file: text({ env: "FLEET_AUTHORIZED_KEYS_FILE" }),
  /** Ours, like `memory`: what the machine has for units. */
  cpus: number("FLEET_CPUS"),
  disable_engine: boolean("FLEET_DISABLE_ENGINE"),
  engine_reconcile_interval: number("FLEET_ENGINE_RECONCILE_INTERVAL"),
  etcd_cafile: text({ env: "FLEET_ETCD_CAFILE" }),
  etcd_certfile: text({ env: "FLEET_ETCD_CERTFILE" }),
  etcd_keyfile: text({ env: "FLEET_ETCD_KEYFILE" }),
  etcd_key_prefix: text({ env: "FLEET_ETCD_KEY_PREFIX" }),
  etcd_request_timeout: number("FLEET_ETCD_REQUEST_TIMEOUT"),
  etcd_servers: text({ env: "FLEET_ETCD_SERVERS" }),
  etcd_username: text({ env: "FLEET_ETCD_USERNAME" }),
  etcd_password: text({ env: "FLEET_ETCD_PASSWORD" }),
  memory: text({ env: "FLEET_MEMORY" }),
  metadata: text({ env: "FLEET_METADATA", check: check.fleetMetadata }),
  public_ip: text({ env: "FLEET_PUBLIC_IP" }),
  token_limit: integer("FLEET_TOKEN_LIMIT"),
  verbosity: integer("FLEET_VERBOSITY"),
  verify_units: boolean("FLEET_VERIFY_UNITS"),
});

export const FLANNEL = map({
  etcd_endpoints: text({ env: "FLANNELD_ETCD_ENDPOINTS" }),
  etcd_cafile: text({ env: "FLANNELD_ETCD_CAFILE" }),
  etcd_certfile: text({ env: "FLANNELD_ETCD_CERTFILE" }),
  etcd_keyfile: text({ env: "FLANNELD_ETCD_KEYFILE" }),
  etcd_prefix: text({ env: "FLANNELD_ETCD_PREFIX" }),
  etcd_username: text({ env: "FLANNELD_ETCD_USERNAME" }),
  etcd_password: text({ env: "FLANNELD_ETCD_PASSWORD" }),
  ip_masq: text({ env: "FLANNELD_IP_MASQ" }),
  subnet_file: text({ env: "FLANNELD_SUBNET_FILE" }),
  interface: text({ env: "FLANNELD_IFACE" }),
  public_ip: text({ env: "FLANNELD_PUBLIC_IP" }),
});

export const LOCKSMITH = map({
  endpoint: text({ env: "LOCKSMITHD_ENDPOINT" }),
  etcd_cafile: text({ env: "LOCKSMITHD_ETCD_CAFILE" }),
  etcd_certfile: text({ env: "LOCKSMITHD_ETCD_CERTFILE" }),
  etcd_keyfile: text({ env: "LOCKSMITHD_ETCD_KEYFILE" }),
  etcd_username: text({ env: "LOCKSMITHD_ETCD_USERNAME" }),
  etcd_password: text({ env: "LOCKSMITHD_ETCD_PASSWORD" }),
  group: text({ env: "LOCKSMITHD_GROUP" }),
  window_start: text({ env: "REBOOT_WINDOW_START", check: check.windowStart }),
  window_length: text({ env: "REBOOT_WINDOW_LENGTH", check: check.windowLength }),
});

export const UPDATE = map({
  reboot_strategy: oneOf(["etcd-lock", "reboot", "best-effort", "off"], "REBOOT_STRATEGY"),
  group: text({ env: "GROUP" }),
  server: text({ env: "SERVER" }),
});

const OEM = map({
  id: text(),
  name: text(),
  version_id: text(),
  home_url: text(),
  bug_report_url: text(),
});

const UNIT = requiring(["name"], {
  name: text({ check: check.unitName }),
  mask: boolean(),
  enable: boolean(),
  runtime: boolean(),
  content: text(),
  command: oneOf(UNIT_COMMANDS),
  drop_ins: list(map({ name: text({ check: check.dropInName }), content: text() })),
});

const ENCODINGS = [
  "base64",
  "b64",
  "gzip",
  "gz",
  "gzip+base64",
  "gz+base64",
  "gzip+b64",
  "gz+b64",
] as const;

const FILE = requiring(["path"], {
  path: text({ check: check.filePath }),
  content: bytes,
  encoding: oneOf(ENCODINGS),
  owner: text({ check: check.owner }),
  permissions: text({ check: check.permissions }),
});

const USER = requiring(
  ["name"],
  {
    name: text(),
    passwd: text(),
    ssh_authorized_keys: list(text()),
    coreos_ssh_import_github: text(),
    coreos_ssh_import_github_users: list(text()),
    coreos_ssh_import_url: text(),
    gecos: text(),
    homedir: text(),
    no_create_home: boolean(),
    primary_group: text(),
    groups: list(text()),
    no_user_group: boolean(),
    system: boolean(),
    no_log_init: boolean(),
    shell: text(),
  },
  ["inactive", "lock_passwd", "sudo", "selinux_user", "ssh_import_id"],
);

/** Every key a cloud-config may have. docs/reference-cloud-config.md describes them. */
export const CLOUD_CONFIG = map({
  hostname: text({ check: check.hostname }),
  manage_etc_hosts: oneOf(["localhost"]),
  ssh_authorized_keys: list(text()),
  users: list(USER),
  write_files: list(FILE),
  coreos: map({
    etcd: ETCD,
    etcd2: ETCD2,
    flannel: FLANNEL,
    fleet: FLEET,
    locksmith: LOCKSMITH,
    oem: OEM,
    units: list(UNIT),
    update: UPDATE,
  }),
});

export type CloudConfig = ValueOf<typeof CLOUD_CONFIG>;
export type ConfigUnit = ValueOf<typeof UNIT>;
export type ConfigFile = ValueOf<typeof FILE>;
