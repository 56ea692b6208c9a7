# Completions of occtl for fish: occtl completions fish | source
# occtl itself says what can come next: the first line says which paths belong to it as well.
function __occtl_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l token (commandline -ct)
    set -l current (string unescape -- $token)
    or set current $token
    set -l lines ($program complete words -- $words "$current" 2>/dev/null)
    set -l also $lines[1]
    set -e lines[1]
    test (count $lines) -gt 0; and printf '%s\n' $lines
    set -l before (string match -r -- '^--[^=]*=' $token)
    set -l path (string replace -r -- '^--[^=]*=' '' $token)
    switch "$also"
        case files
            for found in (__fish_complete_path $path)
                printf '%s\n' $before$found
            end
        case directories
            for found in (__fish_complete_directories $path '')
                printf '%s\n' $before$found
            end
    end
end
complete -c occtl -f -k -a '(__occtl_complete)'
