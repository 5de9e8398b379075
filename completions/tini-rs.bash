# Completion for tini-rs, made from its table of options by tests/docs.

_tini_rs() {
    local word=${COMP_WORDS[COMP_CWORD]} place=1
    COMPREPLY=()
    # Up to the program, the first word that is no option.
    while ((place < COMP_CWORD)); do
        case ${COMP_WORDS[place]} in
        -r | --rewrite | -p | --parent-death-signal | --workdir | -t | --grace-period | -e | --remap-exit | --user | --env)
            ((place += 2))
            ;;
        --)
            ((place += 1))
            break
            ;;
        -*) ((place += 1)) ;;
        *) break ;;
        esac
    done
    if ((place > COMP_CWORD)); then
        case ${COMP_WORDS[COMP_CWORD - 1]} in
        -r | --rewrite | -p | --parent-death-signal) mapfile -t COMPREPLY < <(compgen -A signal -- "$word") ;;
        --workdir) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        esac
    elif ((place == COMP_CWORD)) && [[ $word == -* && ${COMP_WORDS[place - 1]} != -- ]]; then
        mapfile -t COMPREPLY < <(compgen -W "-t --grace-period -W --wait-all -P --pause -e --remap-exit -g --process-group -c --single-child -S --session -r --rewrite -p --parent-death-signal -s --subreaper --user --workdir --env -w --warn-on-reap -v --verbose -q --quiet -l -L --license -V --version -h --help" -- "$word")
    elif ((place == COMP_CWORD)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$place"
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _tini_rs tini-rs
