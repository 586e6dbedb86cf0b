import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";

const DAY_MS = 86_400_000;
/** What a certificate may say of when it begins, for clients whose clock is behind. */
const CLOCK_SKEW_MS = 3_600_000;

// Object identifiers, encoded: X.690 section 8.19.
const ECDSA_WITH_SHA256 = "2a8648ce3d040302"; // RFC 5758 section 3.2
const COMMON_NAME = "550403"; // RFC 5280 appendix A.1, as the rest
const KEY_USAGE = "551d0f";
const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const EXTENDED_KEY_USAGE = "551d25";
const SERVER_AUTH = "2b06010505070301";
const CLIENT_AUTH = "2b06010505070302";

export interface SelfSigned {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/**
 * A key and a certificate that nobody vouches for but itself, for these names and addresses: X.509 version 3,
 * RFC 5280, with ECDSA on P-256.
 */
export function makeSelfSigned(
  hosts: readonly string[],
  { commonName, days, nowMs }: { commonName: string; days: number; nowMs: number },
): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const name = sequence(der(SET, sequence(oid(COMMON_NAME), der(UTF8_STRING, commonName))));
  const validity = sequence(time(nowMs - CLOCK_SKEW_MS), time(nowMs + days * DAY_MS));
  const tbs = sequence(
    der(CONTEXT_0, der(INTEGER, Buffer.of(2))), // version 3
    der(INTEGER, serialNumber()),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(CONTEXT_3, extensions(hosts)),
  );
  const signature = sign("sha256", tbs, privateKey);
  const whole = sequence(tbs, algorithm, der(BIT_STRING, Buffer.of(0), signature));
  return { cert: pem("CERTIFICATE", whole), key: pkcs8(privateKey) };
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;
const DNS_NAME = 0x82; // GeneralName: [2], and [7] for an address
const IP_ADDRESS = 0x87;
const CONTEXT_0 = 0xa0;
const CONTEXT_3 = 0xa3;

function extensions(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) =>
    isIP(host) > 0 ? der(IP_ADDRESS, addressBytes(host)) : der(DNS_NAME, domainToASCII(host)),
  );
  const digitalSignature = der(BIT_STRING, Buffer.of(7, 0x80)); // the first of 8 bits, 7 unused
  return sequence(
    extension(BASIC_CONSTRAINTS, sequence()), // no authority for others
    extension(KEY_USAGE, digitalSignature),
    extension(EXTENDED_KEY_USAGE, sequence(oid(SERVER_AUTH), oid(CLIENT_AUTH))),
    extension(SUBJECT_ALT_NAME, sequence(...names)),
  );
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(OCTET_STRING, value));
}

/** Positive and, as its first bit shows, without a leading zero: RFC 5280 section 4.1.2.2. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** UTCTime through the year 2049, then GeneralizedTime: RFC 5280 section 4.1.2.5. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return text < "2050" ? der(UTC_TIME, text.slice(2)) : der(GENERALIZED_TIME, text);
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  // The URL parser writes an IPv4 tail as hexadecimal and everything in its shortest form.
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = shortest.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const after = tail === undefined ? [] : groups(tail);
  const missing = 8 - groups(head).length - after.length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => "0"), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(SEQUENCE, ...parts);
}

function oid(hex: string): Buffer {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, "hex"));
}

/** Tag, length and content: X.690 sections 8.1 and 10.1. */
function der(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as Buffer)));
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const octets = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length), octets, content]);
}

function pkcs8(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
