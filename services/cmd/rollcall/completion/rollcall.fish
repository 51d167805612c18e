# fish completion for rollcall: rollcall completion fish > ~/.config/fish/completions/rollcall.fish
function __rollcall_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete -- $words[2..] "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c rollcall -f -a '(__rollcall_complete)'
