#compdef rollcall
# zsh completion for rollcall. In ~/.zshrc after compinit: source <(rollcall completion zsh)
_rollcall() {
    local line
    local -a found
    for line in "${(@f)$(${(Q)~words[1]} __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
        :files) _files ;;
        ?*) found+=("${${line%%$'\t'*}//:/\\:}:${${line#*$'\t'}}") ;;
        esac
    done
    (( $#found )) && _describe rollcall found
}
compdef _rollcall rollcall
