_ccci() {
    mapfile -t COMPREPLY < <(
        COMPLETE=bash ccci -- "$COMP_CWORD" "$2" "${COMP_WORDS[@]}" 2>/dev/null
    )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _ccci ccci
