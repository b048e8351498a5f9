# bash completion for rrk; written by tools/completions/generate.py
_rrk()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
    local words
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "import embed retrieve search rerank eval info help --help --version" -- "$current"))
        return
    fi
    case $verb:$previous in
    help:*) COMPREPLY=($(compgen -W "import embed retrieve search rerank eval info" -- "$current")); return ;;
    import:--store | import:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    import:--format) COMPREPLY=($(compgen -W "auto beir msmarco text" -- "$current")); return ;;
    import:--batch) :; return ;;
    embed:--store | embed:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    embed:--model | embed:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    embed:--threads | embed:-t) :; return ;;
    retrieve:--store | retrieve:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    retrieve:--queries | retrieve:-q) COMPREPLY=($(compgen -f -- "$current")); return ;;
    retrieve:--top-k | retrieve:-k) :; return ;;
    retrieve:--retriever | retrieve:-r) COMPREPLY=($(compgen -W "bm25 dense hybrid" -- "$current")); return ;;
    retrieve:--model | retrieve:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    retrieve:--threads | retrieve:-t) :; return ;;
    retrieve:--k1) :; return ;;
    retrieve:--b) :; return ;;
    retrieve:--output | retrieve:-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
    retrieve:--tag) :; return ;;
    retrieve:--qrels) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--store | search:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--strategy | search:-S) COMPREPLY=($(compgen -W "bm25 embedding cross" -- "$current")); return ;;
    search:--retriever | search:-r) COMPREPLY=($(compgen -W "bm25 dense hybrid" -- "$current")); return ;;
    search:--model | search:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    search:--threads | search:-t) :; return ;;
    search:--results | search:-n) :; return ;;
    search:--candidates | search:-c) :; return ;;
    search:--long) COMPREPLY=($(compgen -W "truncate chunk" -- "$current")); return ;;
    search:--timeout) :; return ;;
    rerank:--strategy | rerank:-S) COMPREPLY=($(compgen -W "embedding cross" -- "$current")); return ;;
    rerank:--model | rerank:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    rerank:--threads | rerank:-t) :; return ;;
    rerank:--candidates | rerank:-c) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--store | rerank:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--run) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--queries | rerank:-q) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--output | rerank:-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--tag) :; return ;;
    rerank:--top-n | rerank:-n) :; return ;;
    rerank:--max-passage-tokens) :; return ;;
    rerank:--max-query-tokens) :; return ;;
    rerank:--long) COMPREPLY=($(compgen -W "truncate chunk" -- "$current")); return ;;
    rerank:--timeout) :; return ;;
    info:--threads | info:-t) :; return ;;
    esac
    case $verb in
    import) words="--store --format --skip-bad --batch --help" ;;
    embed) words="--store --model --threads --replace --help" ;;
    retrieve) words="--store --queries --top-k --retriever --model --threads --k1 --b --output --tag --qrels --drop-self --help" ;;
    search) words="--store --strategy --retriever --model --threads --results --candidates --long --timeout --compare --json --help" ;;
    rerank) words="--strategy --model --threads --candidates --store --run --queries --output --tag --top-n --max-passage-tokens --max-query-tokens --long --timeout --provenance --json --help" ;;
    eval) words="--help" ;;
    info) words="--threads --json --help" ;;
    *) return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}
complete -o filenames -F _rrk rrk
