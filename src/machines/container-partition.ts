import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";

const run = promisify(execFile);

const INTERFACE = "eth0";

/** Nobody has it: the bridge takes frames for it nowhere. Locally administered, IEEE 802. */
const NOBODY = "02:00:00:00:00:00";

/**
 * What the container sends to `address` is lost without a word, as on a cut cable: its neighbour there has, for it, an
 * address of hardware that nobody has. Needs nothing but ip(8), on either side.
 */
export async function severLink(leader: number, address: string): Promise<void> {
  await ipIn(leader, [
    "neigh",
    "replace",
    address,
    "lladdr",
    NOBODY,
    "dev",
    INTERFACE,
    "nud",
    "permanent",
  ]);
}

/** Lets these containers send to the addresses again. */
export async function healLinks(
  containers: readonly { readonly leader: number }[],
  addresses: readonly string[],
): Promise<void> {
  for (const { leader } of containers) {
    const severed = await ipIn(leader, ["neigh", "show", "nud", "permanent"]);
    for (const line of severed.split("\n")) {
      const [address = ""] = line.split(" ");
      if (line.includes(NOBODY) && addresses.includes(address))
        await ipIn(leader, ["neigh", "del", address, "dev", INTERFACE]);
    }
  }
}

async function ipIn(leader: number, args: readonly string[]): Promise<string> {
  try {
    return (await run("nsenter", [`--target=${leader}`, "--net", "ip", ...args])).stdout;
  } catch (cause) {
    throw new Fault(
      "SYSTEMD_FAILED",
      `Cannot change a machine's network: ${reasonOf(cause).trim()}`,
      {
        cause,
      },
    );
  }
}
