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

/**
 * The steps that have the machine take on these network settings, until its next boot: files of systemd-networkd,
 * interfaces that are up already taken down, modules, and a restart of networkd. The original restarts networkd once
 * more before its files are there.
 */
export function planNetwork(settings: NetworkSettings): Action[] {
  const { files, modules, interfaces } = settings;
  if (files.length + modules.length + interfaces.length === 0) return [];
  return [...planNetworkFiles(settings), ...planNetworkSwitch(settings), RESTART_NETWORKD];
}

export function planNetworkFiles({ files }: NetworkSettings): WriteAction[] {
  return files.map(({ name, content }) => ({
    kind: "write",
    path: `/run/systemd/network/${name}`,
    content,
    permissions: "0644",
  }));
}

/** Readies the kernel for what networkd is to set up. */
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
