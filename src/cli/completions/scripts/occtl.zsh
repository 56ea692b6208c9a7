#compdef occtl
# Completions of occtl for zsh: source <(occtl completions zsh)
# occtl itself says what can come next: the first line says which paths belong to it as well.
_occtl() {
    local also line
    local -a lines values shown
    lines=("${(@f)$(${(Q)words[1]} complete words -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    also=${lines[1]}
    for line in "${(@)lines[2,-1]}"; do
        [[ -n $line ]] || continue
        values+=("${line%%$'\t'*}")
        if [[ -n ${line#*$'\t'} ]]; then
            shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}")
        else
            shown+=("${line%%$'\t'*}")
        fi
    done
    (( $#values )) && compadd -V occtl -l -d shown -a values
    case $also in
        files|directories)
            [[ $PREFIX == --*=* ]] && compset -P '*='
            if [[ $also == files ]]; then _files; else _files -/; fi
            ;;
    esac
}
if [[ ${funcstack[1]} == _occtl ]]; then
    _occtl "$@"
else
    compdef _occtl occtl
fi
