import { Fault } from "#base/fault.ts";
import type { MachineFacts } from "./core/machine-facts.ts";
import { describeProblem, type Problem } from "./core/problem.ts";
import { readCloudConfig } from "./core/read-cloud-config.ts";
import type { CloudConfig } from "./core/schema.ts";
import { userDataKind } from "./core/user-data.ts";
import { gunzip } from "./read-user-data.ts";

export interface LoadedCloudConfig {
  readonly config: CloudConfig;
  readonly warnings: readonly Problem[];
}

/**
 * Reads user-data that is a cloud-config, or empty, for the machine that `facts` tell of.
 * @param name what errors call it, such as its file
 * @throws {Fault} CLOUD_CONFIG_INVALID with every problem, a line for each
 */
export function loadCloudConfig(
  text: string,
  name: string,
  facts: MachineFacts,
): LoadedCloudConfig {
  const kind = userDataKind(text);
  switch (kind) {
    case "empty":
      return { config: {}, warnings: [] };
    case "cloud-config": {
      const { config, problems } = readCloudConfig(text, facts, gunzip);
      if (config === undefined) throw invalid(name, problems);
      return { config, warnings: problems };
    }
    case "script":
      throw refused(
        name,
        "it is a script (#!), and only cloud-configs are applied; run it by a unit",
      );
    case "ignition":
      throw refused(name, "it is an Ignition config, which is applied before the first boot");
    case "unknown":
      throw refused(
        name,
        'its first line is not "#cloud-config"; write exactly that on the first line',
      );
    default:
      return kind satisfies never;
  }
}

/** Addresses for documentation (RFC 5737, RFC 3849), to check a cloud-config by that is for another machine. */
export function exampleFacts(facts: MachineFacts): MachineFacts {
  return {
    currentHostname: "example",
    privateIpv4: "192.0.2.1",
    publicIpv4: "203.0.113.1",
    privateIpv6: "2001:db8::1",
    publicIpv6: "2001:db8::2",
    ...facts,
    isExample: true,
  };
}

function invalid(name: string, problems: readonly Problem[]): Fault {
  const errors = problems.filter((problem) => problem.severity === "error");
  const [first] = errors;
  const count = errors.length === 1 ? "1 problem" : `${errors.length} problems`;
  const lines = problems.map((p) => `\n${describeProblem(p)}`.replaceAll("\n", "\n  ")).join("");
  return new Fault(
    "CLOUD_CONFIG_INVALID",
    `Cannot use cloud-config ${name}: ${count}, nothing was changed; mend and try again:${lines}`,
    { facts: { file: name, line: first?.line ?? 1, key: first?.key ?? "" } },
  );
}

function refused(name: string, why: string): Fault {
  return new Fault("CLOUD_CONFIG_INVALID", `Cannot use user-data ${name}: ${why}`, {
    facts: { file: name, line: 1, key: "" },
  });
}
