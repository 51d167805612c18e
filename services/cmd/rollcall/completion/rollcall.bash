# bash completion for rollcall. In ~/.bashrc: source <(rollcall completion bash)
_rollcall() {
    local word name current=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        if [ "$word" = :files ]; then
            compopt -o filenames 2>/dev/null # bash before 4 has none
            while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$current")
        else
            COMPREPLY+=("$word")
        fi
    done < <("${COMP_WORDS[0]/#\~\//$HOME/}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _rollcall rollcall
