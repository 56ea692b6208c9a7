# Completions of occtl for bash: source <(occtl completions bash)
# occtl itself says what can come next: the first line says which paths belong to it as well.
_occtl() {
    local also
    COMPREPLY=()
    {
        read -r also
        mapfile -t COMPREPLY
    } < <("$1" complete bash -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    case $also in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
    esac
}
complete -o nosort -F _occtl occtl
