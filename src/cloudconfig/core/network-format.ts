/** How clouds describe a machine's network; `--convert-netconf` takes these. */
export const NETWORK_FORMATS = ["debian", "packet", "vmware"] as const;
export type NetworkFormat = (typeof NETWORK_FORMATS)[number];
