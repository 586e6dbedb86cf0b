import { serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

export async function runCat({ api, args, err, io }: Session): Promise<number> {
  const [arg, ...more] = args;
  if (arg === undefined || more.length > 0) {
    err("One unit file must be provided");
    return 1;
  }
  const name = unitNameOf(arg);
  try {
    const unit = await api.unit(name);
    if (unit === undefined) {
      err(`Unit ${name} not found`);
      return 1;
    }
    io.stdout.write(serialiseUnitFile(unit.options));
    return 0;
  } catch (error) {
    err(`Error retrieving Unit ${name}: ${apiSentence(error)}`);
    return 1;
  }
}
