# Completion of fleetctl for bash, made by `fleetctl completion bash`.
# To have it now: source <(fleetctl completion bash)
# To keep it: fleetctl completion bash > /etc/bash_completion.d/fleetctl

# Sets what may stand as an argument of a command, or where the command stands.
_fleetctl_arguments() {
  case $1 in
    "") kinds="commands" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "cat") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "completion") kinds="" words="bash zsh fish" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "cordon") kinds="machines" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "destroy") kinds="units" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "drain") kinds="machines" words="" flags="--ca-file= --cert-file= --deadline= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "events") kinds="" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --follow --full --help --json --key-file= --known-hosts-file= --lines= --machine= --request-timeout= --since= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --unit= --version" ;;
    "exec") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --interactive --key-file= --known-hosts-file= --machine= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tty --tunnel= --unit= --user= --version" ;;
    "explain") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --full --help --json --key-file= --known-hosts-file= --no-legend --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "fd-forward") kinds="files" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "help") kinds="commands" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "history") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --full --help --json --key-file= --known-hosts-file= --no-legend --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "is-active") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --quiet --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "is-failed") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --quiet --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "journal") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --follow --grep= --help --key-file= --known-hosts-file= --lines= --output= --request-timeout= --since= --ssh-config= --ssh-port= --ssh-timeout= --ssh-username= --strict-host-key-checking --sudo --tunnel= --until= --version" ;;
    "list-machines") kinds="" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --fields= --full --help --json --key-file= --known-hosts-file= --no-legend --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "list-timers") kinds="" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --full --help --json --key-file= --known-hosts-file= --no-legend --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "list-unit-files") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --fields= --full --help --json --key-file= --known-hosts-file= --no-legend --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "list-units") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --fields= --full --help --json --key-file= --known-hosts-file= --no-legend --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "load") kinds="units files" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --replace --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "move") kinds="machines units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --force --help --json --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "plan") kinds="units files" words="" flags="--as= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --full --help --json --key-file= --known-hosts-file= --no-legend --replace --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "rebalance") kinds="" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --full --help --include-at-most-once --json --key-file= --known-hosts-file= --max-moves= --no-legend --plan --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "remove") kinds="machines" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --force --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "restart") kinds="units" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "revert") kinds="units" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --to= --tunnel= --version" ;;
    "ssh") kinds="machines units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --forward-agent --help --key-file= --known-hosts-file= --machine= --request-timeout= --ssh-config= --ssh-port= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --unit= --version" ;;
    "start") kinds="units files" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --replace --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "status") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-port= --ssh-timeout= --ssh-username= --strict-host-key-checking --sudo --tunnel= --version" ;;
    "stop") kinds="units" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "submit") kinds="units files" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --replace --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "trigger") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "uncordon") kinds="machines" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version --why=" ;;
    "unload") kinds="units" words="" flags="--block-attempts= --ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --no-block --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "verify") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "version") kinds="" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
    "wait") kinds="units" words="" flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --for= --help --json --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --timeout= --tunnel= --version" ;;
    *) kinds= words= flags="--ca-file= --cert-file= --debug --driver= --endpoint= --etcd-key-prefix= --help --key-file= --known-hosts-file= --request-timeout= --ssh-config= --ssh-timeout= --ssh-username= --strict-host-key-checking --tunnel= --version" ;;
  esac
}

# Sets what may stand as the value of a flag.
_fleetctl_value() {
  case $1 in
    --driver) kinds="" words="API etcd" ;;
    --known-hosts-file) kinds="files" words="" ;;
    --ssh-config) kinds="files" words="" ;;
    --unit) kinds="units" words="" ;;
    --machine) kinds="machines" words="" ;;
    --fields) kinds="" words="host ip machine metadata state desc dstate global hash target tmachine unit active health load result sub" ;;
    --as) kinds="" words="submit load start" ;;
    --for) kinds="" words="active failed gone healthy inactive launched placed" ;;
    *) kinds= words= ;;
  esac
}

_fleetctl_commands() {
  printf '%s\n' cat completion cordon destroy drain events exec explain fd-forward help history is-active is-failed journal list-machines list-timers list-unit-files list-units load move plan rebalance remove restart revert ssh start status stop submit trigger uncordon unload verify version wait
}

_fleetctl_takes_value() {
  case $1 in
    --endpoint | --driver | --request-timeout | --tunnel | --etcd-key-prefix | --ca-file | --etcd-cafile | --cert-file | --etcd-certfile | --key-file | --etcd-keyfile | --known-hosts-file | --ssh-username | --ssh-timeout | --ssh-config | --why | --block-attempts | --deadline | --unit | --machine | --since | --lines | -n | --user | -u | --until | --grep | -g | --output | -o | --ssh-port | --fields | --as | --max-moves | --to | --for | --timeout) return 0 ;;
  esac
  return 1
}

# Asks the cluster that the command line is about.
_fleetctl_ask() {
  "$program" "${cluster[@]}" --request-timeout=3 "$@" 2>/dev/null </dev/null
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
  [ -z "$words" ] || printf '%s\n' $words
}

_fleetctl() {
  local line=${COMP_LINE:0:COMP_POINT} cur word command= flag= typed lead= cut= breaks candidate
  local kinds words flags program at last
  local -a tokens cluster
  COMPREPLY=()
  read -ra tokens <<<"$line"
  case $line in *[[:blank:]]) tokens+=("") ;; esac
  last=$((${#tokens[@]} - 1))
  cur=${tokens[last]}
  program=${tokens[0]}
  type "$program" >/dev/null 2>&1 || program=fleetctl
  cluster=()
  for ((at = 1; at < last; at++)); do
    word=${tokens[at]}
    if [ -n "$flag" ]; then
      case $flag in --endpoint | --tunnel | --ssh-username | --ssh-config) cluster+=("$flag=$word") ;; esac
      flag=
      continue
    fi
    case $word in
      --endpoint=* | --tunnel=* | --ssh-username=* | --ssh-config=*) cluster+=("$word") ;;
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
        lead=${cur%%=*}=
        typed=${cur#*=}
        _fleetctl_value "${cur%%=*}"
        flags=
        ;;
      *) _fleetctl_arguments "$command" ;;
    esac
  fi
  # What readline takes as the word begins behind the last of these, or with it if it is an @.
  breaks=${COMP_WORDBREAKS//[^@:=]/}
  [ -z "$breaks" ] || cut=${cur%"${cur##*[$breaks]}"}
  cut=${cut%@}
  case $cur in
    -*) if [ -z "$lead" ]; then words=$flags kinds=; fi ;;
  esac
  while read -r candidate; do
    candidate=$lead$candidate
    case $candidate in "$cur"*) COMPREPLY+=("${candidate#"$cut"}") ;; esac
  done < <(_fleetctl_candidates | sort -u)
  case " $kinds " in *" files "*) compopt -o filenames 2>/dev/null ;; esac
  case ${COMPREPLY[*]} in *=) [ "${#COMPREPLY[@]}" -ne 1 ] || compopt -o nospace 2>/dev/null ;; esac
}

complete -F _fleetctl fleetctl
