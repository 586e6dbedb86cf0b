/** The table of nft(8) with a cluster's rules; its names have no hyphens. */
export function translationTable(bridge: string): string {
  return `keelson_${bridge.replaceAll("-", "_")}`;
}

/**
 * Rules in nft(8)'s language, in the place of those there were: what comes from the network leaves under the
 * computer's address, and to the bridge only answers are let through.
 */
export function translationRules(bridge: string, network: string): string {
  const table = translationTable(bridge);
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain out {
    type nat hook postrouting priority 100;
    ip saddr ${network}.0/24 ip daddr != ${network}.0/24 masquerade
  }
  chain back {
    type filter hook forward priority 0;
    iifname != "${bridge}" oifname "${bridge}" ct state established,related accept
    iifname != "${bridge}" oifname "${bridge}" drop
  }
}
`;
}

/** Addresses in resolv.conf(5) that mean the same from elsewhere: none of loopback. */
export function nameserversIn(resolvConf: string): readonly string[] {
  return resolvConf
    .split("\n")
    .flatMap((line) => /^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/.exec(line)?.[1] ?? [])
    .filter((address) => !address.startsWith("127."));
}
