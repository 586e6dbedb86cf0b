/** An IPv4 network, as a route names it. */
interface Network {
  /** The address as a number of 32 bits. */
  readonly base: number;
  readonly prefix: number;
}

const FIRST = 64; // 10.64.0.0 to 10.191.255.0: what routers at home, Docker and clouds rarely take
const COUNT = 128 * 256;

/**
 * First three bytes of a network for a cluster's machines that touches none of those the computer has.
 * @param seed any whole number; where the search begins, so that clusters differ even while their bridges are down.
 * @param taken lines of `ip -4 route show table all` or of `ip -4 -o addr`; whatever else they say is passed over.
 * @returns undefined when all are taken.
 */
export function freeNetwork(seed: number, taken: readonly string[]): string | undefined {
  const used = taken.flatMap(networksIn);
  for (let step = 0; step < COUNT; step += 1) {
    const at = (seed + step) % COUNT;
    const network = `10.${FIRST + (at >> 8)}.${at & 255}`;
    if (!isTaken(network, used)) return network;
  }
  return undefined;
}

/** Whether a line of `taken`, as in `freeNetwork`, has an address in the network; default routes take none. */
export function overlaps(network: string, taken: readonly string[]): boolean {
  return isTaken(network, taken.flatMap(networksIn));
}

function isTaken(network: string, used: readonly Network[]): boolean {
  const base = parseIpv4(`${network}.0`) ?? 0;
  return used.some((other) => {
    const prefix = Math.min(other.prefix, 24);
    return prefix > 0 && base >>> (32 - prefix) === other.base >>> (32 - prefix);
  });
}

function networksIn(line: string): readonly Network[] {
  return [...line.matchAll(/(?<![\d.])(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?(?![\d.])/g)].flatMap(
    ([, address = "", prefix = "32"]) => {
      const base = parseIpv4(address);
      return base === undefined || Number(prefix) > 32 ? [] : [{ base, prefix: Number(prefix) }];
    },
  );
}

function parseIpv4(text: string): number | undefined {
  const bytes = text.split(".").map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** The computer's own address among a network's machines; theirs end at .99. */
export function gatewayOf(network: string): string {
  return `${network}.254`;
}

/** First three bytes of an address. */
export function networkOf(address: string): string {
  return address.slice(0, address.lastIndexOf("."));
}

/** @param tag eight hex digits of the state directory; interface names have 15 bytes (IFNAMSIZ). */
export function bridgeName(tag: string): string {
  return `kl-${tag}`;
}

/** The container's name on this computer, short enough for `portName`. */
export function containerName(tag: string, number: number): string {
  return `${tag}-${String(number).padStart(2, "0")}`;
}

/** What systemd-nspawn calls this computer's end of a container's link to a bridge; a longer one it cuts and hashes. */
export function portName(container: string): string {
  return `vb-${container}`;
}
