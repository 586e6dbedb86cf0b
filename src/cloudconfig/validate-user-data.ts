import type { MachineFacts } from "./core/machine-facts.ts";
import { type Report, validate } from "./core/validate.ts";
import { exampleFacts } from "./load-cloud-config.ts";
import { gunzip } from "./read-user-data.ts";

/**
 * Checks user-data, and changes nothing.
 * @param facts of the machine that it is for; what is not known of it is taken from the documentation's addresses
 */
export function validateUserData(text: string, facts: MachineFacts = { metadata: {} }): Report {
  return validate(text, exampleFacts(facts), gunzip);
}
