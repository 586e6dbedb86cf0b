import { serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { inJson, printJson } from "./json.ts";
import { oneUnit } from "./one-unit.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

export async function runCat(session: Session): Promise<number> {
  const { api, err, io } = session;
  const name = oneUnit(session, "unit file");
  if (name === undefined) return 1;
  try {
    const unit = await api.unit(name);
    if (unit === undefined) {
      err(`Unit ${name} not found`, "UNIT_NOT_FOUND");
      return 1;
    }
    const text = serialiseUnitFile(unit.options);
    if (inJson(session))
      printJson(session, [
        { unit: name, hash: unitHash(unit.options), text, options: unit.options },
      ]);
    else io.stdout.write(text);
    return 0;
  } catch (error) {
    tellFailure(session, `Error retrieving Unit ${name}`, error);
    return 1;
  }
}
