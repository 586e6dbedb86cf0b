import {
  type ArgumentKind,
  CLUSTER_FLAGS,
  type CompletedFlag,
  type CompletionTable,
  dashed,
} from "./completion-table.ts";

/** A script for zsh: a file named _fleetctl in a directory of $fpath, or sourced after compinit. */
export function zshCompletion({ commands, globals }: CompletionTable): string {
  const described = commands.map((c) => `    ${quoted(`${c.name}:${c.summary}`)}`);
  const cases = commands.map(({ flags, kinds, name, words }) => {
    const specs = [...flags.flatMap(flagSpecs), ...argumentSpec(kinds, words)];
    return `    ${name}) _arguments -S "$globals[@]" ${specs.join(" ")} ;;`;
  });
  return `#compdef fleetctl
# Completion of fleetctl for zsh, made by \`fleetctl completion zsh\`.
# To keep it: fleetctl completion zsh > /usr/local/share/zsh/site-functions/_fleetctl

# Asks the cluster that the command line is about.
_fleetctl_ask() {
  local -a cluster
  cluster=(\${(M)_fleetctl_words:#--(${CLUSTER_FLAGS.join("|")})=*})
  _call_program fleetctl "\${(q)_fleetctl_words[1]}" "\${(q)cluster[@]}" --request-timeout=3 "$@" 2>/dev/null
}

_fleetctl_units() {
  local -a names
  names=(\${(f)"$(_fleetctl_ask list-unit-files --no-legend --fields=unit)"})
  compadd -a names
}

_fleetctl_machines() {
  local -a names
  names=(\${(f)"$(_fleetctl_ask list-machines --no-legend --full --fields=machine)"})
  compadd -a names
}

_fleetctl_files() { _files }

_fleetctl_commands() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  _describe -t commands command commands
}

_fleetctl_units_files() { _alternative 'units:unit:_fleetctl_units' 'files:file:_files' }
_fleetctl_machines_units() { _alternative 'machines:machine:_fleetctl_machines' 'units:unit:_fleetctl_units' }

_fleetctl() {
  local context state state_descr line curcontext=$curcontext
  local -A opt_args
  local -a globals _fleetctl_words
  _fleetctl_words=("$words[@]")
  globals=(
${globals
  .flatMap(flagSpecs)
  .map((spec) => `    ${spec}`)
  .join("\n")}
  )
  _arguments -C -S "$globals[@]" '1: :_fleetctl_commands' '*:: :->arguments' && return
  [[ $state == arguments ]] || return
  case $words[1] in
${cases.join("\n")}
  esac
}

if [[ $funcstack[1] == _fleetctl ]]; then _fleetctl "$@"; else compdef _fleetctl fleetctl; fi
`;
}

/** For _arguments: each name of the flag, which keeps the others from being offered again. */
function flagSpecs({ help, kinds, names, takesValue, words }: CompletedFlag): string[] {
  const all = names.map(dashed);
  const except = all.length > 1 ? `(${all.join(" ")})` : "";
  const about = `[${help.replaceAll(/[[\]\\:]/g, "\\$&")}]`;
  const value = takesValue ? `:value:${action(kinds, words)}` : "";
  return all.map((name) => {
    const joined = takesValue ? (name.startsWith("--") ? "=" : "+") : "";
    return quoted(`${except}${name}${joined}${about}${value}`);
  });
}

function argumentSpec(kinds: readonly ArgumentKind[], words: readonly string[]): string[] {
  return kinds.length + words.length === 0 ? [] : [quoted(`*:argument:${action(kinds, words)}`)];
}

function action(kinds: readonly ArgumentKind[], words: readonly string[]): string {
  return kinds.length > 0
    ? `_fleetctl_${kinds.join("_")}`
    : words.length > 0
      ? `(${words.join(" ")})`
      : "";
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
