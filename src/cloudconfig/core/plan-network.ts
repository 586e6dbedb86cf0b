import type { Action, WriteAction } from "./action.ts";

/** What a converted description of the network gives, `core/network-config.ts`. */
export interface NetworkSettings {
  /** systemd-networkd's, such as `00-eth0.network`. */
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** Kernel modules, with their options as modprobe(8) takes them, spaces between. */
  readonly modules: readonly {
    readonly name: string;
    readonly options: string | readonly string[];
  }[];
  /** Names of the interfaces that the files set up. */
  readonly interfaces: readonly string[];
}

/** They last until the machine's next boot. */
export function planNetworkFiles({ files }: NetworkSettings): WriteAction[] {
  return files.map(({ name, content }) => ({
    kind: "write",
    path: `/run/systemd/network/${name}`,
    content,
    permissions: "0644",
  }));
}

/**
 * Readies the kernel for what networkd is to set up, once its files are there; the original restarts networkd before
 * that too.
 */
export function planNetworkSwitch({ interfaces, modules }: NetworkSettings): Action[] {
  return [
    ...interfaces.map((name) => ({ kind: "take-down", interface: name }) as const),
    ...modules.map(({ name, options }) => {
      const words = typeof options === "string" ? options.split(/\s+/).filter(Boolean) : options;
      return { kind: "load-module", module: name, options: words } as const;
    }),
  ];
}

export const RESTART_NETWORKD: Action = {
  kind: "command",
  unit: "systemd-networkd.service",
  command: "restart",
};
