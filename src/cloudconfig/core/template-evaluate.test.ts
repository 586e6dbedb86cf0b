import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluated, rendered } from "./template-for-tests.ts";

for (const [expression, is] of [
  ["{{ hostname }}", "node7"],
  ["{{hostname}}-{{ machine.arch }}", "node7-x86_64"],
  ["{{ machine.id | slice(0, 8) }}", "01234567"],
  ["{{ machine.cpus }} {{ machine.memory_mib }} {{ machine.vendor }}", "4 2048 ACME"],
  ["{{ os.id }}{{ os.version_id }}", "debian12"],
  ["{{ interfaces.eth0.ipv4 }} {{ interfaces.eth0.mac }}", "192.0.2.7 00:00:5e:00:53:07"],
  ["{{ interfaces.eth0.ipv4_cidr }}", "192.0.2.7/24"],
  ["{{ interfaces.eth0.ipv4_list | join(',') }}", "192.0.2.7,198.51.100.7"],
  ["{{ interfaces.eth0.ipv4_list.1 }}", "198.51.100.7"],
  ["{{ interfaces.eth0.ipv4_list[1] }}", "198.51.100.7"],
  ['{{ interfaces["eth0.100"].mac }}', "00:00:5e:00:53:07"],
  ["{{ default.name }} {{ default.gateway }} {{ default.ipv6 }}", "eth0 192.0.2.254 2001:db8::7"],
  ["{{ private_ipv4 }} $private_ipv4", "10.0.0.7 10.0.0.7"],
  ["{{ metadata.disk-type | upper }}", "SSD"],
  ["{{ reverse(default.ipv4) }}", "core-07.example.com"],
  ["{{ reverse(default.ipv4) | split('.') | first }}", "core-07"],
  ["{{ public_ipv4 | default(default.ipv4) }}", "192.0.2.7"],
  ["{{ metadata.absent | default(metadata.gone) | default('none') }}", "none"],
  ["{{ interfaces.eth9.ipv4 | default('') }}", ""],
  ["{{ reverse('203.0.113.9') | default(hostname) }}", "node7"],
  [
    "{{ metadata.peers | split('+') | each('{}=http://{}:2380') | join(',') }}",
    "a=http://a:2380,b=http://b:2380,c=http://c:2380",
  ],
  ["{{ metadata.peers | split('+') | last }}{{ metadata.peers | split('+') | at(1) }}", "cb"],
  ["{{ metadata.peers | split('+') | slice(1) | join('/') }}", "b/c"],
  ["{{ metadata.peers | split('+') | length }} {{ 'abc' | length }}", "3 3"],
  ["core-{{ metadata.index | pad(3) }}", "core-007"],
  ["{{ metadata.index | add(2379) }} {{ 0.1 | add(0.2) }} {{ 3 | add(-5) }}", "2386 0.3 -2"],
  ["{{ ' A b ' | trim | lower }}", "a b"],
  ["{{ default.mac | replace(':', '') }}", "00005e005307"],
  ["{{ machine.id | spread(60) }}", "45"],
  ['{{ metadata.rack | shell }} {{ "it\'s" | shell }}', "'r 2' 'it'\\''s'"],
  ["{{ 'a\"b' | json }} {{ 'é' | base64 }}", '"a\\"b" w6k='],
  ["{{ 'yes' if metadata.role == 'store' else 'no' }}", "yes"],
  ["{{ 'a' if false else 'b' if false else 'c' }}", "c"],
  ["{{ metadata.gone if defined(metadata.gone) else 'x' }}", "x"],
  ["{{ not (metadata.role != 'store') and machine.cpus >= 4 }}", "true"],
  ["{{ machine.cpus < 4 or machine.memory_mib > 1024 }}", "true"],
  ["{{ 'tor' in metadata.role }} {{ 'a' in (metadata.peers | split('+')) }}", "true true"],
  ["{{ metadata.index == 7 }} {{ 10 > 9 }} {{ '10' < '9' }}", "true true false"],
  ["{{ metadata.role | starts_with('st') }} {{ metadata.role | ends_with('st') }}", "true false"],
  ["{{ not not true }}", "true"],
  ["{{ '{{' }} }} { {} $hostname", "{{ }} { {} $hostname"],
  ["{{ '}}' }}{{ '\\n' | length }}", "}}1"],
  ["{{ '\\$private_ipv4' }}", "$private_ipv4"],
  ["{{ '$private_ipv4' }}", "$private_ipv4"],
] as const)
  test(`${expression} is ${JSON.stringify(is)}`, () => assert.equal(evaluated(expression), is));

for (const [expression, message] of [
  [
    "{{ hostnme }}",
    'hostnme is not known of this machine; did you mean "hostname"?; known: default, hostname, interfaces, machine, metadata, os, private_ipv4; or say what else to take: | default("…")',
  ],
  [
    "{{ interfaces.eth1.ipv4 }}",
    'interfaces.eth1 is not known of this machine; did you mean "interfaces.eth0"?; known below interfaces: eth0, eth0.100; or say what else to take: | default("…")',
  ],
  [
    "{{ interfaces.eth0.100.mac }}",
    'interfaces.eth0.100 is not known of this machine; known below interfaces.eth0: ipv4, ipv4_cidr, ipv4_list, ipv6, ipv6_cidr, ipv6_list, mac, name; or say what else to take: | default("…")',
  ],
  [
    "{{ interfaces.eth0.ipv4_list.2 }}",
    'interfaces.eth0.ipv4_list has no item "2"; it has 2, counted from 0',
  ],
  ["{{ hostname.x }}", "hostname is a text, with nothing below it"],
  [
    "{{ machine }}",
    "is a group of facts; choose one of it: arch, cpus, id, kernel, memory_mib, vendor",
  ],
  ["{{ default.ipv4_list }}", 'is a list; make it a text by join(",") or first'],
  ["{{ hostname | lowr }}", '| lowr is not known; did you mean "lower"?'],
  ["{{ hostname | lower(1) }}", "| lower takes 0 arguments, not 1"],
  ["{{ hostname | slice }}", "| slice takes 1 to 2 arguments, not 0"],
  ["{{ hostname | default }}", "| default takes one argument"],
  ["{{ hostname | join(',') }}", '| join: takes a list, such as split(",") gives'],
  ["{{ hostname | add(1) }}", '| add: "node7" is not a number'],
  ["{{ 'a' | slice(0.5) }}", "| slice: takes whole numbers, not 0.5"],
  ["{{ ',' | split(',') | first }}", "| first: meets an empty list"],
  ["{{ metadata.peers | split('+') | at(3) }}", "| at: finds no item 3 among 3"],
  ["{{ 'a' | replace('', 'b') }}", "| replace: cannot replace an empty text"],
  ["{{ 'a' | pad(65) }}", "| pad: takes a number of digits up to 64"],
  ["{{ env('HOME') }}", "env() is not known; the functions are defined and reverse"],
  ["{{ defined() }}", "defined() takes one argument"],
  [
    "{{ reverse('203.0.113.9') }}",
    'reverse("203.0.113.9") finds no name: it has to be an address of this machine that DNS or /etc/hosts has a name for; or say what else to take: | default("…")',
  ],
  [
    "{{ 1 if hostname else 2 }}",
    '"node7" is neither true nor false; compare it (== "…"), or ask defined(FACT)',
  ],
  ["{{ hostname < 3 }}", '"node7" is not a number'],
  [
    "{{ 1 if os.id = 'debian' else 2 }}",
    `expected else, and what to take then; there is "= 'debian' else 2 }}"; write == to compare`,
  ],
  ["{{ }}", 'expected a fact, a text in quotes or a number; there is "}}"'],
  ["{{ hostname", "expected an operator, a filter or }}; it ends"],
  ["{{ hostname }", 'expected an operator, a filter or }}; there is "}"'],
  ["{{ 'a }}", `expected a fact, a text in quotes or a number; there is "'a }}"`],
  ["{{ hostname hostname }}", 'expected an operator, a filter or }}; there is "hostname }}"'],
  ["{{ (hostname }}", 'expected ); there is "}}"'],
  ["{{ hostname | }}", `expected a filter's name behind |; there is "}}"`],
  ["{{ 1 if true }}", 'expected else, and what to take then; there is "}}"'],
  ["{{ 'a\\q' }}", 'has "\\q" in a text; write \\\\ for a backslash'],
  [`{{ ${"(".repeat(30)}1${")".repeat(30)} }}`, "is nested deeper than 20 levels"],
  [`{{ "${"a".repeat(1000)}" }}`, "is longer than 1000 characters"],
] as const)
  test(`${expression.slice(0, 50)} is refused: ${message.slice(0, 60)}`, () => {
    const { problems } = rendered(`x: |-\n  ${expression}`);
    const shown = expression.length > 40 ? `${expression.slice(0, 40)}…` : expression;
    const end = problems[0]?.replace(/^.*?: error: x: /, "");
    assert.equal(problems.length, 1);
    assert.ok(message === end?.slice(shown.length + 2) || end?.endsWith(message), problems[0]);
  });
