const LISTEN = "0A"; // TCP_LISTEN, include/net/tcp_states.h

/**
 * Ports at which something listens on exactly this IPv4 address.
 * @param table `/proc/net/tcp`, proc(5)
 */
export function portsListenedOn(address: string, table: string): readonly number[] {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  const [little, big] = [bytes.toReversed().join(""), bytes.join("")].map((hex) =>
    hex.toUpperCase(),
  );
  const ports = table.split("\n").flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [at, port = ""] = local.split(":");
    return state === LISTEN && (at === little || at === big) ? [Number.parseInt(port, 16)] : []; // in the computer's byte order
  });
  return [...new Set(ports)].toSorted((a, b) => a - b);
}
