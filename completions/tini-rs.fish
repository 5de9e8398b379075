# Completion for tini-rs, made from its table of options by tests/docs.

# The program and its arguments, once the options have ended.
function __tini_rs_program
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case -r --rewrite -p --parent-death-signal --workdir -t --grace-period -e --remap-exit --user --env
                set -e words[1]
                set -q words[1]
                or return 1
            case --
                set -e words[1]
                string join \n -- $words
                return 0
            case '-*'
            case '*'
                string join \n -- $words
                return 0
        end
        set -e words[1]
    end
    return 1
end

function __tini_rs_complete_program
    set -l words (string escape -- (__tini_rs_program)) (commandline -ct)
    complete -C (string join ' ' -- $words)
end

complete -c tini-rs -n '__tini_rs_program >/dev/null' -xa '(__tini_rs_complete_program)'
complete -c tini-rs -n 'not __tini_rs_program; and not string match -q -- "-*" (commandline -ct)' -xa '(complete -C (commandline -ct))'
complete -c tini-rs -n 'not __tini_rs_program' -s t -l grace-period -x -d 'how long a shutdown may take: 10s, 500ms, 1m30s'
complete -c tini-rs -n 'not __tini_rs_program' -s W -l wait-all -d 'go on until the last process has ended'
complete -c tini-rs -n 'not __tini_rs_program' -s P -l pause -d 'run nothing, collect orphans until TERM or INT'
complete -c tini-rs -n 'not __tini_rs_program' -s e -l remap-exit -x -d 'exit with 0, or the second code, instead'
complete -c tini-rs -n 'not __tini_rs_program' -s g -l process-group -d 'signals go to the program\'s process group'
complete -c tini-rs -n 'not __tini_rs_program' -s c -l single-child -d 'signals go to the program alone'
complete -c tini-rs -n 'not __tini_rs_program' -s S -l session -d 'the program gets a session of its own'
complete -c tini-rs -n 'not __tini_rs_program' -s r -l rewrite -xa '(__fish_make_completion_signals; string replace -r "^\S+ " "" -- $__kill_signals)' -d 'pass a signal on as another; 0 drops it'
complete -c tini-rs -n 'not __tini_rs_program' -s p -l parent-death-signal -xa '(__fish_make_completion_signals; string replace -r "^\S+ " "" -- $__kill_signals)' -d 'receive SIG when the parent dies'
complete -c tini-rs -n 'not __tini_rs_program' -s s -l subreaper -d 'collect orphans when not PID 1 (default)'
complete -c tini-rs -n 'not __tini_rs_program' -l user -x -d 'run the program as this user'
complete -c tini-rs -n 'not __tini_rs_program' -l workdir -xa '(__fish_complete_directories)' -d 'run the program in DIR'
complete -c tini-rs -n 'not __tini_rs_program' -l env -x -d 'add to the program\'s environment'
complete -c tini-rs -n 'not __tini_rs_program' -s w -l warn-on-reap -d 'warn of each orphan collected'
complete -c tini-rs -n 'not __tini_rs_program' -s v -l verbose -d 'say more, up to -vvv'
complete -c tini-rs -n 'not __tini_rs_program' -s q -l quiet -d 'say less'
complete -c tini-rs -n 'not __tini_rs_program' -s l -s L -l license -d 'print the licence'
complete -c tini-rs -n 'not __tini_rs_program' -s V -l version -d 'print the version'
complete -c tini-rs -n 'not __tini_rs_program' -s h -l help -d 'print this text'
