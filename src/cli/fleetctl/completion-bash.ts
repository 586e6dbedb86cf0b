import {
  type ArgumentKind,
  CLUSTER_FLAGS,
  type CompletedFlag,
  type CompletionTable,
  dashed,
} from "./completion-table.ts";

/** A script for bash, 3.2 and later, with or without the package bash-completion. */
export function bashCompletion({ commands, globals }: CompletionTable): string {
  const flags = [...globals, ...commands.flatMap((command) => command.flags)];
  const valued = flags.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names);
  const cases = [
    ["", "commands", [], globals] as const,
    ...commands.map((c) => [c.name, c.kinds.join(" "), c.words, [...c.flags, ...globals]] as const),
  ].map(
    ([name, kinds, words, own]) =>
      `    "${name}") kinds="${kinds}" words="${words.join(" ")}" flags="${flagWords(own)}" ;;`,
  );
  return `${HEAD}
# Sets what may stand as an argument of a command, or where the command stands.
_fleetctl_arguments() {
  case $1 in
${cases.join("\n")}
    *) kinds= words= flags="${flagWords(globals)}" ;;
  esac
}

# Sets what may stand as the value of a flag.
_fleetctl_value() {
  case $1 in
${valueCases(flags).join("\n")}
    *) kinds= words= ;;
  esac
}

_fleetctl_commands() {
  printf '%s\\n' ${commands.map(({ name }) => name).join(" ")}
}

_fleetctl_takes_value() {
  case $1 in
    ${[...new Set(valued)].map(dashed).join(" | ")}) return 0 ;;
  esac
  return 1
}
${BODY}`;
}

function flagWords(flags: readonly CompletedFlag[]): string {
  return flags
    .map(({ names, takesValue }) => `${dashed(names[0]!)}${takesValue ? "=" : ""}`)
    .toSorted()
    .join(" ");
}

function valueCases(flags: readonly CompletedFlag[]): string[] {
  const cases = new Map<string, string>();
  for (const { kinds, names, words } of flags)
    if (kinds.length > 0 || words.length > 0)
      cases.set(
        names.map(dashed).join(" | "),
        merged(cases.get(names.map(dashed).join(" | ")), kinds, words),
      );
  return [...cases].map(([names, sets]) => `    ${names}) ${sets} ;;`);
}

/** A flag that several commands have may offer other words in each: all are offered. */
function merged(
  before: string | undefined,
  kinds: readonly ArgumentKind[],
  words: readonly string[],
): string {
  const known = /words="(.*)"/.exec(before ?? "")?.[1]?.split(" ") ?? [];
  const all = [...new Set([...known.filter(Boolean), ...words])];
  return `kinds="${kinds.join(" ")}" words="${all.join(" ")}"`;
}

const HEAD = `# Completion of fleetctl for bash, made by \`fleetctl completion bash\`.
# To have it now: source <(fleetctl completion bash)
# To keep it: fleetctl completion bash > /etc/bash_completion.d/fleetctl
`;

const BODY = `
# Asks the cluster that the command line is about.
_fleetctl_ask() {
  "$program" "\${cluster[@]}" --request-timeout=3 "$@" 2>/dev/null </dev/null
}

_fleetctl_candidates() {
  local kind
  for kind in $kinds; do
    case $kind in
      units) _fleetctl_ask list-unit-files --no-legend --fields=unit ;;
      machines) _fleetctl_ask list-machines --no-legend --full --fields=machine ;;
      commands) _fleetctl_commands ;;
      files) compgen -f -- "$typed" ;;
    esac
  done
  [ -z "$words" ] || printf '%s\\n' $words
}

_fleetctl() {
  local line=\${COMP_LINE:0:COMP_POINT} cur word command= flag= typed lead= cut= breaks candidate
  local kinds words flags program at last
  local -a tokens cluster
  COMPREPLY=()
  read -ra tokens <<<"$line"
  case $line in *[[:blank:]]) tokens+=("") ;; esac
  last=$((\${#tokens[@]} - 1))
  cur=\${tokens[last]}
  program=\${tokens[0]}
  type "$program" >/dev/null 2>&1 || program=fleetctl
  cluster=()
  for ((at = 1; at < last; at++)); do
    word=\${tokens[at]}
    if [ -n "$flag" ]; then
      case $flag in ${CLUSTER_FLAGS.map((name) => `--${name}`).join(" | ")}) cluster+=("$flag=$word") ;; esac
      flag=
      continue
    fi
    case $word in
      ${CLUSTER_FLAGS.map((name) => `--${name}=*`).join(" | ")}) cluster+=("$word") ;;
      -*) if _fleetctl_takes_value "$word"; then flag=$word; fi ;;
      *) [ -n "$command" ] || command=$word ;;
    esac
  done
  typed=$cur
  if [ -n "$flag" ]; then
    _fleetctl_value "$flag"
    flags=
  else
    case $cur in
      -*=*)
        lead=\${cur%%=*}=
        typed=\${cur#*=}
        _fleetctl_value "\${cur%%=*}"
        flags=
        ;;
      *) _fleetctl_arguments "$command" ;;
    esac
  fi
  # What readline takes as the word begins behind the last of these, or with it if it is an @.
  breaks=\${COMP_WORDBREAKS//[^@:=]/}
  [ -z "$breaks" ] || cut=\${cur%"\${cur##*[$breaks]}"}
  cut=\${cut%@}
  case $cur in
    -*) if [ -z "$lead" ]; then words=$flags kinds=; fi ;;
  esac
  while read -r candidate; do
    candidate=$lead$candidate
    case $candidate in "$cur"*) COMPREPLY+=("\${candidate#"$cut"}") ;; esac
  done < <(_fleetctl_candidates | sort -u)
  case " $kinds " in *" files "*) compopt -o filenames 2>/dev/null ;; esac
  case \${COMPREPLY[*]} in *=) [ "\${#COMPREPLY[@]}" -ne 1 ] || compopt -o nospace 2>/dev/null ;; esac
}

complete -F _fleetctl fleetctl
`;
