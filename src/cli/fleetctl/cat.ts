import { serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { inJson, printJson } from "./json.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

export async function runCat(session: Session): Promise<number> {
  const { api, args, err, io } = session;
  const [arg, ...more] = args;
  if (arg === undefined || more.length > 0) {
    err("One unit file must be provided", "USAGE");
    return 1;
  }
  const name = unitNameOf(arg);
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
