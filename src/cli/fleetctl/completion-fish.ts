import {
  type ArgumentKind,
  CLUSTER_FLAGS,
  type CompletedFlag,
  type CompletionTable,
  dashed,
} from "./completion-table.ts";

/** A script for fish 3: a file named fleetctl.fish in ~/.config/fish/completions, or sourced. */
export function fishCompletion({ commands, globals }: CompletionTable): string {
  const flags = [...globals, ...commands.flatMap((command) => command.flags)];
  const valued = flags.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names);
  const lines = commands.flatMap((command) => {
    const isIt = `-n ${quoted(`__fleetctl_is ${command.name}`)}`;
    const offers = offersOf(command.kinds, command.words);
    return [
      `complete -c fleetctl -n __fleetctl_is -a ${command.name} -d ${quoted(command.summary)}`,
      ...command.flags.map((flag) => flagLine(flag, isIt)),
      ...(offers === "" ? [] : [`complete -c fleetctl ${isIt} ${offers}`]),
    ];
  });
  return `# Completion of fleetctl for fish, made by \`fleetctl completion fish\`.
# To keep it: fleetctl completion fish > ~/.config/fish/completions/fleetctl.fish

# Whether the command line has that command, or without an argument none yet.
function __fleetctl_is
    set -l skip
    set -l tokens (commandline -opc)
    for token in $tokens[2..-1]
        if set -q skip[1]
            set -e skip
            continue
        end
        switch $token
            case ${[...new Set(valued)].map((name) => quoted(dashed(name))).join(" ")}
                set skip 1
            case '-*'
            case '*'
                test "$token" = "$argv[1]"
                return
        end
    end
    not set -q argv[1]
end

# Asks the cluster that the command line is about.
function __fleetctl_ask
    set -l tokens (commandline -opc)
    set -l cluster (string match -r -- '^--(?:${CLUSTER_FLAGS.join("|")})=.*' $tokens)
    command $tokens[1] $cluster --request-timeout=3 $argv 2>/dev/null </dev/null
end

function __fleetctl_units
    __fleetctl_ask list-unit-files --no-legend --fields=unit,desc | string replace -r '\\t+' '\\t'
end

function __fleetctl_machines
    __fleetctl_ask list-machines --no-legend --full --fields=machine,ip | string replace -r '\\t+' '\\t'
end

function __fleetctl_commands
    printf '%s\\n' ${commands.map(({ name }) => name).join(" ")}
end

complete -c fleetctl -f
${[...globals.map((flag) => flagLine(flag, "")), ...lines].join("\n")}
`;
}

function flagLine({ help, kinds, names, takesValue, words }: CompletedFlag, isIt: string): string {
  const forms = names.map((name) => (name.length === 1 ? `-s ${name}` : `-l ${name}`));
  const value = takesValue ? [kinds.includes("files") ? "-r" : "-x", offersOf(kinds, words)] : [];
  const parts = ["complete -c fleetctl", isIt, ...forms, ...value, "-d", quoted(help)];
  return parts.filter((part) => part !== "").join(" ");
}

function offersOf(kinds: readonly ArgumentKind[], words: readonly string[]): string {
  const asked = kinds.flatMap((kind) => (kind === "files" ? [] : [`(__fleetctl_${kind})`]));
  const all = [...asked, ...words].join(" ");
  const files = kinds.includes("files") ? "-F" : "";
  return [files, all === "" ? "" : `-a ${quoted(all)}`].filter((part) => part !== "").join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
