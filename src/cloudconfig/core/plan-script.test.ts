import assert from "node:assert/strict";
import { test } from "node:test";
import { planScript } from "./plan-script.ts";

for (const [line, interpreter] of [
  ["#!/bin/bash", ["/bin/bash"]],
  ["#!/bin/sh", ["/bin/bash"]],
  ["#! /bin/sh -e", ["/bin/bash", "-e"]],
  ["#!/bin/bash -eux -o pipefail", ["/bin/bash", "-eux -o pipefail"]], // one argument, as the kernel makes of it
  ["#!/usr/bin/env bash", ["/bin/bash"]],
  ["#!/usr/local/bin/bash\r", ["/bin/bash"]],
  ["#!", ["/bin/bash"]],
  ["#!/usr/bin/python3", []],
  ["#!/usr/bin/env python3", []],
  ["#!/bin/fish", []],
  ["#!/usr/bin/bashful", []],
] as const)
  test(`planScript() has ${JSON.stringify(line)} run by ${interpreter.join(" ") || "what it names"}`, () => {
    const content = `${line}\necho /bin/sh\n`;
    const workspace = "/var/lib/coreos-cloudinit";
    assert.deepEqual(planScript(content), { kind: "run-script", workspace, content, interpreter });
    assert.equal(planScript(content, "/w").workspace, "/w");
  });
