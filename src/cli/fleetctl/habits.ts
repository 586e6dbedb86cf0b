/** What people type who know systemctl, docker, kubectl or nomad, and what fleetctl has for it. */
const HABITS: ReadonlyMap<string, string> = new Map(
  (
    [
      ["list-units or list-unit-files", "get", "list", "ls", "ps"],
      ["status, explain or history", "describe", "info", "inspect", "show"],
      ["journal", "journalctl", "log", "logs", "tail"],
      ["exec -it UNIT sh", "attach", "enter", "shell"],
      ["start", "apply", "create", "enable", "run", "up"],
      ["start --replace FILE", "edit", "update"],
      ["unload", "disable"],
      ["destroy", "delete", "rm"],
      ["revert", "rollback", "undo"],
      ["list-machines", "machines", "node", "nodes"],
      ["cordon or drain", "evict"],
      ["explain", "why"],
      ["nothing of the kind: fleetd reads changed units by itself", "daemon-reload", "reload"],
      ["start web@{1..5}: each instance of a template is a unit", "scale"],
    ] as const
  ).flatMap(([ours, ...theirs]) => theirs.map((word): [string, string] => [word, ours])),
);

/** What fleetctl has instead of a command of other tools. */
export function habitual(word: string): string | undefined {
  return HABITS.get(word);
}
