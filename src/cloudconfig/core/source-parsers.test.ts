import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { parseAddress } from "./source-address.ts";
import { parseServerContext, userDataOfMeta } from "./source-cloudsigma.ts";
import { parseDigitalOceanMetadata } from "./source-digitalocean.ts";
import { cloudConfigUrl } from "./source-kernel-command-line.ts";
import { parseOpenStackMetadata } from "./source-openstack.ts";
import { parsePacketMetadata } from "./source-packet.ts";
import { answerFrom, askVmwareMetadata, askVmwareUserData } from "./source-vmware.ts";
import { parseXml, type XmlElement, XmlError } from "./source-xml.ts";
import { parseOvfEnvironment, parseSharedConfig } from "./source-xml-documents.ts";

for (const { line, url } of [
  { line: "root=/dev/sda cloud-config-url=http://a/b quiet\n", url: "http://a/b" },
  { line: "cloud_config_url=http://a/?x=1&y=2", url: "http://a/?x=1&y=2" },
  { line: "cloud-config-url=http://a cloud_config-url=http://b", url: "http://b" },
  { line: "cloud-config-url", url: undefined },
  { line: "cloud-config-url=http://a cloud-config-url", url: "http://a" },
  { line: "xcloud-config-url=http://a", url: undefined },
  { line: "", url: undefined },
])
  test(`cloudConfigUrl() of ${JSON.stringify(line)}`, () => {
    assert.equal(cloudConfigUrl(line), url);
  });

for (const { text, address } of [
  { text: "192.0.2.1", address: "192.0.2.1" },
  { text: "0.0.0.0", address: "0.0.0.0" },
  { text: "2001:DB8:0:0::1", address: "2001:db8::1" },
  { text: "::", address: "::" },
  { text: "192.0.2.01", address: undefined },
  { text: "192.0.2", address: undefined },
  { text: "1.2.3.4.5", address: undefined },
  { text: "256.0.0.1", address: undefined },
  { text: "192.0.2.1/24", address: undefined },
  { text: "fe80::1%eth0", address: undefined },
  { text: "1::2::3", address: undefined },
  { text: " 192.0.2.1", address: undefined },
  { text: "", address: undefined },
])
  test(`parseAddress() of "${text}"`, () => {
    assert.equal(parseAddress(text)?.text, address);
  });

test("a CloudSigma server's metadata", () => {
  const server = {
    cpu: 1000,
    meta: { ssh_public_key: "ssh-rsa AAAA== me@here", base64_fields: "" },
    name: "coreos",
    nics: [
      { mac: "22:3d:09:6b:90:f3", ip_v4_conf: { conf: "manual", ip: null }, vlan: { uuid: "4f" } },
      { mac: "22:ae:2a:1b:08:e9", ip_v4_conf: { ip: { uuid: "203.0.113.141" } }, vlan: null },
    ],
    uuid: "65b2fb23-8c03-4187-a3ba-8b7c919e8890",
  };
  const known = (mac: string) => (mac === "22:3d:09:6b:90:f3" ? "10.0.0.9" : undefined);
  const parse = (value: object) => parseServerContext(JSON.stringify(value), "there", known);
  assert.deepEqual(parse(server), {
    privateIpv4: "10.0.0.9",
    publicIpv4: "203.0.113.141",
    hostname: "coreos",
    sshPublicKeys: { "me@here": "ssh-rsa AAAA== me@here" },
  });
  assert.deepEqual(parse({ ...server, name: "", meta: { ssh_public_key: "" }, nics: null }), {
    hostname: server.uuid,
    sshPublicKeys: {},
  });
});

for (const { meta, text, isBase64 } of [
  { meta: { "cloudinit-user-data": "#!/bin/sh" }, text: "#!/bin/sh", isBase64: false },
  {
    meta: { "cloudinit-user-data": "IyE=", base64_fields: "a,cloudinit-user-data" },
    text: "IyE=",
    isBase64: true,
  },
  { meta: { base64_fields: "other" }, text: "", isBase64: false },
])
  test(`user-data in CloudSigma's ${JSON.stringify(meta)}`, () => {
    assert.deepEqual(userDataOfMeta(JSON.stringify(meta), "there"), { text, isBase64 });
  });

test("VMware's variables are asked for in the original's order", () => {
  const values = new Map([
    ["dns.server.0", "192.0.2.53"],
    ["interface.0.ip.0.address", "192.0.2.4/24"],
  ]);
  const asked: string[] = [];
  const dialogue = askVmwareMetadata();
  for (let step = dialogue.next(); !step.done; ) {
    asked.push(step.value);
    step = dialogue.next(values.get(step.value) ?? "");
  }
  // What the original reads, in its order.
  assert.deepEqual(
    asked.join(" ").replaceAll("interface.", "if."),
    [
      "hostname dns.server.0 dns.server.1 dns.domain.0",
      "if.0.name if.0.mac if.0.dhcp if.0.role if.0.ip.0.address if.0.ip.1.address",
      "if.0.route.0.gateway if.0.route.0.destination",
      "if.1.name if.1.mac if.1.dhcp if.1.role if.1.ip.0.address",
      "if.1.route.0.gateway if.1.route.0.destination",
    ].join(" "),
  );
});

test("VMware's user-data is fetched from a URL only when there is no data", () => {
  const data = new Map([
    ["coreos.config.data", "x"],
    ["coreos.config.url", "http://a"],
  ]);
  assert.deepEqual(answerFrom(askVmwareUserData(), data), { encoding: "", data: "x", url: "" });
  data.delete("coreos.config.data");
  assert.equal(answerFrom(askVmwareUserData(), data).url, "http://a");
});

const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,5}$/);
const element: fc.Memo<XmlElement> = fc.memo((depth) =>
  fc.record(
    {
      name,
      attributes: fc
        .array(fc.tuple(name, fc.string({ unit: "grapheme" })))
        .map((all) => new Map(all)),
      children: depth <= 1 ? fc.constant([]) : fc.array(element(depth - 1), { maxLength: 3 }),
    },
    { noNullPrototype: true },
  ),
);

function print({ name: tag, attributes, children }: XmlElement): string {
  const words = [...attributes].map(([key, value]) => {
    const escaped = value.replaceAll(/[&<>"'\n]/gu, (c) => `&#${c.codePointAt(0)};`);
    return ` p:${key}="${escaped}"`;
  });
  const inside = children.map(print).join("<!-- < -->text<![CDATA[<a>]]>");
  return `<p:${tag}${words.join("")}>${inside}<?php > ?></p:${tag} >`;
}

test("parseXml() reads back what was written", () => {
  fc.assert(
    fc.property(element(3), (tree) => {
      assert.deepEqual(parseXml(`<?xml version="1.0"?>\n${print(tree)}\n<!-- end -->`), tree);
    }),
  );
});

test("parseXml() refuses what is no XML, and says where", () => {
  for (const { text, offset } of [
    { text: "", offset: 0 },
    { text: "text", offset: 0 },
    { text: "<a>", offset: 3 },
    { text: "<a></b>", offset: 6 },
    { text: "<a/><b/>", offset: 4 },
    { text: "<a b=c/>", offset: 5 },
    { text: '<a b="1"c="2"/>', offset: 8 },
    { text: '<a b="&none;"/>', offset: 5 },
    { text: '<a b="1 & 2"/>', offset: 5 },
    { text: "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", offset: 0 },
    { text: "<a><!-- </a>", offset: 3 },
    { text: "<a>".repeat(100), offset: 3 * 65 },
  ])
    assert.throws(
      () => parseXml(text),
      (error) => error instanceof XmlError && error.offset === offset,
      text,
    );
});

const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  parseOpenStackMetadata: (text) => parseOpenStackMetadata(text, "there"),
  parseDigitalOceanMetadata: (text) => parseDigitalOceanMetadata(text, "there"),
  parsePacketMetadata: (text) => parsePacketMetadata(text, "there"),
  parseServerContext: (text) => parseServerContext(text, "there", () => undefined),
  userDataOfMeta: (text) => userDataOfMeta(text, "there"),
  parseOvfEnvironment: (text) => parseOvfEnvironment(text, "there"),
  parseSharedConfig: (text) => parseSharedConfig(text, "there"),
};
const KEYS = ["hostname", "public_keys", "ssh_keys", "network", "interfaces", "addresses", "meta"];
const json = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), tie("map"), fc.array(tie("value"))),
  map: fc.dictionary(fc.constantFrom(...KEYS, "nics", "public", "ipv4", "__proto__"), tie("value")),
})).value;
const xmlish = fc
  .array(fc.constantFrom("<", ">", "/", "a", "=", '"', "&lt;", "&", " ", "<!--", "-->", "]]>", "?"))
  .map((parts) => parts.join(""));

for (const [parser, parse] of Object.entries(PARSERS))
  test(`${parser}() never throws anything but its own fault`, () => {
    const texts = fc.oneof(
      fc.string(),
      xmlish,
      json.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === "SOURCE_FAILED", String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
