# Completion of fleetctl for fish, made by `fleetctl completion fish`.
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
            case '--endpoint' '--driver' '--request-timeout' '--tunnel' '--known-hosts-file' '--ssh-username' '--ssh-timeout' '--ssh-config' '--why' '--block-attempts' '--deadline' '--unit' '--machine' '--since' '--lines' '-n' '--output' '-o' '--ssh-port' '--fields' '--as' '--to' '--for' '--timeout'
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
    set -l cluster (string match -r -- '^--(?:endpoint|tunnel|ssh-username|ssh-config)=.*' $tokens)
    command $tokens[1] $cluster --request-timeout=3 $argv 2>/dev/null </dev/null
end

function __fleetctl_units
    __fleetctl_ask list-unit-files --no-legend --fields=unit,desc | string replace -r '\t+' '\t'
end

function __fleetctl_machines
    __fleetctl_ask list-machines --no-legend --full --fields=machine,ip | string replace -r '\t+' '\t'
end

function __fleetctl_commands
    printf '%s\n' cat completion cordon destroy drain events explain fd-forward help history is-active is-failed journal list-machines list-unit-files list-units load move plan remove restart revert ssh start status stop submit uncordon unload version wait
end

complete -c fleetctl -f
complete -c fleetctl -l endpoint -x -d 'Where the fleet API is: unix://PATH or http://HOST:PORT; several, separated by commas, are tried in turn'
complete -c fleetctl -l driver -x -d 'How to talk to the cluster; only API exists'
complete -c fleetctl -l request-timeout -x -d 'Seconds after which a request that got no answer has failed'
complete -c fleetctl -l tunnel -x -d 'Reach the endpoint by SSH through this machine, [USER@]HOST[:PORT]; the endpoint is as it is called there'
complete -c fleetctl -l debug -d 'Print each request and its duration to stderr'
complete -c fleetctl -l help -s h -d 'Print help and exit'
complete -c fleetctl -l version -s v -d 'Print the version and exit'
complete -c fleetctl -l known-hosts-file -r -F -d 'Keys of machines that SSH trusts; default as ssh\'s configuration says'
complete -c fleetctl -l ssh-username -x -d 'Who logs in by SSH; empty: as ssh\'s configuration says'
complete -c fleetctl -l ssh-timeout -x -d 'Seconds for SSH to connect'
complete -c fleetctl -l strict-host-key-checking -d 'Refuse machines that SSH does not know; =false trusts all'
complete -c fleetctl -l ssh-config -r -F -d 'ssh\'s configuration, such as keelson ssh-config writes; default ~/.ssh/config'
complete -c fleetctl -n __fleetctl_is -a cat -d 'Print the file of a unit'
complete -c fleetctl -n '__fleetctl_is cat' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is cat' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a completion -d 'Print what makes a shell complete commands, flags, units and machines'
complete -c fleetctl -n '__fleetctl_is completion' -a 'bash zsh fish'
complete -c fleetctl -n __fleetctl_is -a cordon -d 'Place no more units on machines; what runs there goes on'
complete -c fleetctl -n '__fleetctl_is cordon' -l why -x -d 'A few words for the record, such as the number of a ticket'
complete -c fleetctl -n '__fleetctl_is cordon' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is cordon' -a '(__fleetctl_machines)'
complete -c fleetctl -n __fleetctl_is -a destroy -d 'Stop units and remove them from the cluster'
complete -c fleetctl -n '__fleetctl_is destroy' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be gone; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is destroy' -l no-block -d 'Do not wait for units to be gone'
complete -c fleetctl -n '__fleetctl_is destroy' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a drain -d 'Cordon a machine and move its units elsewhere'
complete -c fleetctl -n '__fleetctl_is drain' -l deadline -x -d 'After so long, such as 10m, stop what is left, whatever it is'
complete -c fleetctl -n '__fleetctl_is drain' -l no-block -d 'Do not wait until the units have moved'
complete -c fleetctl -n '__fleetctl_is drain' -l why -x -d 'A few words for the record, such as the number of a ticket'
complete -c fleetctl -n '__fleetctl_is drain' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is drain' -a '(__fleetctl_machines)'
complete -c fleetctl -n __fleetctl_is -a events -d 'Print what happened in the cluster, by whom and why'
complete -c fleetctl -n '__fleetctl_is events' -l follow -s f -d 'Go on with new events until interrupted'
complete -c fleetctl -n '__fleetctl_is events' -l unit -x -a '(__fleetctl_units)' -d 'Only of this unit; a pattern names several'
complete -c fleetctl -n '__fleetctl_is events' -l machine -x -a '(__fleetctl_machines)' -d 'Only about this machine: the beginning of its id'
complete -c fleetctl -n '__fleetctl_is events' -l since -x -d 'Only later ones: how long ago, such as 10m or 2h, or a time'
complete -c fleetctl -n '__fleetctl_is events' -l lines -s n -x -d 'At most so many of the newest'
complete -c fleetctl -n '__fleetctl_is events' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is events' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n __fleetctl_is -a explain -d 'Say for every machine why a unit may or may not run there'
complete -c fleetctl -n '__fleetctl_is explain' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is explain' -l no-legend -d 'Print no line with the names of the columns'
complete -c fleetctl -n '__fleetctl_is explain' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is explain' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a fd-forward -d 'Carry standard input and output to and from a unix socket'
complete -c fleetctl -n '__fleetctl_is fd-forward' -F
complete -c fleetctl -n __fleetctl_is -a help -d 'Print the help of the program, or of a command'
complete -c fleetctl -n '__fleetctl_is help' -a '(__fleetctl_commands)'
complete -c fleetctl -n __fleetctl_is -a history -d 'List the texts that a unit had, when, by whom and why'
complete -c fleetctl -n '__fleetctl_is history' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is history' -l no-legend -d 'Print no line with the names of the columns'
complete -c fleetctl -n '__fleetctl_is history' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is history' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a is-active -d 'Print whether units are active; exit with 0 when all are'
complete -c fleetctl -n '__fleetctl_is is-active' -l quiet -s q -d 'Print nothing; the exit status says it'
complete -c fleetctl -n '__fleetctl_is is-active' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is is-active' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a is-failed -d 'Print whether units have failed; exit with 0 when one has'
complete -c fleetctl -n '__fleetctl_is is-failed' -l quiet -s q -d 'Print nothing; the exit status says it'
complete -c fleetctl -n '__fleetctl_is is-failed' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is is-failed' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a journal -d 'Print the journal of a unit'
complete -c fleetctl -n '__fleetctl_is journal' -l lines -s n -x -d 'How many of the newest lines'
complete -c fleetctl -n '__fleetctl_is journal' -l follow -s f -d 'Go on with new lines until interrupted'
complete -c fleetctl -n '__fleetctl_is journal' -l output -s o -x -d 'journalctl\'s output format, such as short-iso, json or cat'
complete -c fleetctl -n '__fleetctl_is journal' -l sudo -d 'On a machine with the original\'s agent: ask by sudo'
complete -c fleetctl -n '__fleetctl_is journal' -l ssh-port -x -d 'Where sshd listens on a machine with the original\'s agent'
complete -c fleetctl -n '__fleetctl_is journal' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a list-machines -d 'List the machines of the cluster'
complete -c fleetctl -n '__fleetctl_is list-machines' -l fields -x -a 'host ip machine metadata state' -d 'Columns to print, separated by commas: any of host,ip,machine,metadata,state'
complete -c fleetctl -n '__fleetctl_is list-machines' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is list-machines' -l no-legend -d 'Print no line with the names of the columns'
complete -c fleetctl -n '__fleetctl_is list-machines' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n __fleetctl_is -a list-unit-files -d 'List the units the cluster knows'
complete -c fleetctl -n '__fleetctl_is list-unit-files' -l fields -x -a 'desc dstate global hash state target tmachine unit' -d 'Columns to print, separated by commas: any of desc,dstate,global,hash,state,target,tmachine,unit'
complete -c fleetctl -n '__fleetctl_is list-unit-files' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is list-unit-files' -l no-legend -d 'Print no line with the names of the columns'
complete -c fleetctl -n '__fleetctl_is list-unit-files' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is list-unit-files' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a list-units -d 'List units that are loaded, with their state in systemd'
complete -c fleetctl -n '__fleetctl_is list-units' -l fields -x -a 'active hash health load machine result sub unit' -d 'Columns to print, separated by commas: any of active,hash,health,load,machine,result,sub,unit'
complete -c fleetctl -n '__fleetctl_is list-units' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is list-units' -l no-legend -d 'Print no line with the names of the columns'
complete -c fleetctl -n '__fleetctl_is list-units' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is list-units' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a load -d 'Place units on machines, without starting them'
complete -c fleetctl -n '__fleetctl_is load' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be loaded; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is load' -l no-block -d 'Do not wait for units to be loaded'
complete -c fleetctl -n '__fleetctl_is load' -l replace -d 'Replace units that differ from the file here'
complete -c fleetctl -n '__fleetctl_is load' -F -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a move -d 'Move a unit to a machine that it fits'
complete -c fleetctl -n '__fleetctl_is move' -l force -d 'Also to a cordoned machine, and beyond what the machine has free'
complete -c fleetctl -n '__fleetctl_is move' -l no-block -d 'Do not wait until it is active there'
complete -c fleetctl -n '__fleetctl_is move' -l why -x -d 'A few words for the record, such as the number of a ticket'
complete -c fleetctl -n '__fleetctl_is move' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is move' -a '(__fleetctl_machines) (__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a plan -d 'Say what starting units would do, without doing it'
complete -c fleetctl -n '__fleetctl_is plan' -l as -x -a 'submit load start' -d 'The command to plan for: submit, load, start'
complete -c fleetctl -n '__fleetctl_is plan' -l replace -d 'Replace units that differ from the file here'
complete -c fleetctl -n '__fleetctl_is plan' -l full -s l -d 'Print ids and hashes in full'
complete -c fleetctl -n '__fleetctl_is plan' -l no-legend -d 'Print no line with the names of the columns'
complete -c fleetctl -n '__fleetctl_is plan' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is plan' -F -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a remove -d 'Take machines off the record that are gone for good'
complete -c fleetctl -n '__fleetctl_is remove' -l force -d 'Also machines that are alive: their units stop there'
complete -c fleetctl -n '__fleetctl_is remove' -l why -x -d 'A few words for the record, such as the number of a ticket'
complete -c fleetctl -n '__fleetctl_is remove' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is remove' -a '(__fleetctl_machines)'
complete -c fleetctl -n __fleetctl_is -a restart -d 'Stop units and start them again'
complete -c fleetctl -n '__fleetctl_is restart' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be started again; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is restart' -l no-block -d 'Do not wait for units to be started again'
complete -c fleetctl -n '__fleetctl_is restart' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a revert -d 'Give a unit an earlier text again'
complete -c fleetctl -n '__fleetctl_is revert' -l to -x -d 'The number of the version, as in history'
complete -c fleetctl -n '__fleetctl_is revert' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be updated; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is revert' -l no-block -d 'Do not wait for units to be updated'
complete -c fleetctl -n '__fleetctl_is revert' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a ssh -d 'Log in to a machine of the cluster, or run a command there'
complete -c fleetctl -n '__fleetctl_is ssh' -l machine -x -a '(__fleetctl_machines)' -d 'The beginning of a machine\'s id'
complete -c fleetctl -n '__fleetctl_is ssh' -l unit -x -a '(__fleetctl_units)' -d 'A unit, for the machine where it runs'
complete -c fleetctl -n '__fleetctl_is ssh' -l forward-agent -s A -d 'Let the machine use the keys of the ssh agent here'
complete -c fleetctl -n '__fleetctl_is ssh' -l ssh-port -x -d 'Where the machine\'s sshd listens'
complete -c fleetctl -n '__fleetctl_is ssh' -a '(__fleetctl_machines) (__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a start -d 'Place units on machines and start them'
complete -c fleetctl -n '__fleetctl_is start' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be active; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is start' -l no-block -d 'Do not wait for units to be active'
complete -c fleetctl -n '__fleetctl_is start' -l replace -d 'Replace units that differ from the file here'
complete -c fleetctl -n '__fleetctl_is start' -F -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a status -d 'Print what systemctl status says of units'
complete -c fleetctl -n '__fleetctl_is status' -l sudo -d 'On a machine with the original\'s agent: ask by sudo'
complete -c fleetctl -n '__fleetctl_is status' -l ssh-port -x -d 'Where sshd listens on a machine with the original\'s agent'
complete -c fleetctl -n '__fleetctl_is status' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is status' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a stop -d 'Stop units; they stay loaded on their machines'
complete -c fleetctl -n '__fleetctl_is stop' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be stopped; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is stop' -l no-block -d 'Do not wait for units to be stopped'
complete -c fleetctl -n '__fleetctl_is stop' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a submit -d 'Make units known to the cluster, without placing them'
complete -c fleetctl -n '__fleetctl_is submit' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be updated; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is submit' -l no-block -d 'Do not wait for units to be updated'
complete -c fleetctl -n '__fleetctl_is submit' -l replace -d 'Replace units that differ from the file here'
complete -c fleetctl -n '__fleetctl_is submit' -F -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a uncordon -d 'Let machines take units again, and end their draining'
complete -c fleetctl -n '__fleetctl_is uncordon' -l why -x -d 'A few words for the record, such as the number of a ticket'
complete -c fleetctl -n '__fleetctl_is uncordon' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is uncordon' -a '(__fleetctl_machines)'
complete -c fleetctl -n __fleetctl_is -a unload -d 'Stop units and take them off their machines; the cluster still knows them'
complete -c fleetctl -n '__fleetctl_is unload' -l block-attempts -x -d 'Wait at most N attempts of 2 seconds for units to be off their machines; 0 waits without limit'
complete -c fleetctl -n '__fleetctl_is unload' -l no-block -d 'Do not wait for units to be off their machines'
complete -c fleetctl -n '__fleetctl_is unload' -a '(__fleetctl_units)'
complete -c fleetctl -n __fleetctl_is -a version -d 'Print the version'
complete -c fleetctl -n '__fleetctl_is version' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n __fleetctl_is -a wait -d 'Wait until units are in a state, whoever brings them there'
complete -c fleetctl -n '__fleetctl_is wait' -l for -x -a 'active failed gone healthy inactive launched placed' -d 'What to wait for: active, failed, gone, healthy, inactive, launched, placed'
complete -c fleetctl -n '__fleetctl_is wait' -l timeout -x -d 'For at most so long, such as 30s or 5m; without it there is no limit'
complete -c fleetctl -n '__fleetctl_is wait' -l json -d 'Print results as a JSON array, and errors as JSON on stderr'
complete -c fleetctl -n '__fleetctl_is wait' -a '(__fleetctl_units)'
