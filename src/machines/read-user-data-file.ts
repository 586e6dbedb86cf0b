import { readFile } from "node:fs/promises";
import { Fault, reasonOf } from "#base/fault.ts";
import { describeProblem } from "#cloudconfig/core/problem.ts";
import { userDataKind } from "#cloudconfig/core/user-data.ts";
import { exampleFacts, loadCloudConfig } from "#cloudconfig/load-cloud-config.ts";
import { decodeUserData } from "#cloudconfig/read-user-data.ts";

/** User-data, perhaps compressed. @throws {Fault} FILE_UNREADABLE */
export async function readUserDataFile(path: string): Promise<string> {
  let octets: Uint8Array;
  try {
    octets = await readFile(path);
  } catch (cause) {
    throw new Fault("FILE_UNREADABLE", `Cannot read user-data ${path}: ${reasonOf(cause)}`, {
      cause,
    });
  }
  return decodeUserData(octets, path);
}

/**
 * Looks a cloud-config over before machines boot with it; what a script does shows only there.
 * @param source what errors call it
 * @returns warnings, a line for each
 * @throws {Fault} CLOUD_CONFIG_INVALID with every problem
 */
export function checkUserData(text: string, source: string): readonly string[] {
  if (userDataKind(text) === "script") return [];
  const { warnings } = loadCloudConfig(text, source, exampleFacts({ metadata: {} }));
  return warnings.map((warning) => `${source}: ${describeProblem(warning)}`);
}
