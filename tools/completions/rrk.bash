# bash completion for rrk; written by tools/completions/generate.py
_rrk()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
    local words
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "import embed retrieve search rerank label eval compare pull info help --help --version" -- "$current"))
        return
    fi
    case $verb:$previous in
    help:*) COMPREPLY=($(compgen -W "import embed retrieve search rerank label eval compare pull info" -- "$current")); return ;;
    import:--store | import:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    import:--format) COMPREPLY=($(compgen -W "auto beir msmarco text" -- "$current")); return ;;
    import:--batch) :; return ;;
    embed:--store | embed:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    embed:--model | embed:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    embed:--threads | embed:-t) :; return ;;
    embed:--dtype) COMPREPLY=($(compgen -W "f32 bf16 int8" -- "$current")); return ;;
    retrieve:--store | retrieve:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    retrieve:--queries | retrieve:-q) COMPREPLY=($(compgen -f -- "$current")); return ;;
    retrieve:--top-k | retrieve:-k) :; return ;;
    retrieve:--retriever | retrieve:-r) COMPREPLY=($(compgen -W "bm25 dense hybrid" -- "$current")); return ;;
    retrieve:--model | retrieve:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    retrieve:--threads | retrieve:-t) :; return ;;
    retrieve:--dtype) COMPREPLY=($(compgen -W "f32 bf16 int8" -- "$current")); return ;;
    retrieve:--k1) :; return ;;
    retrieve:--b) :; return ;;
    retrieve:--output | retrieve:-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
    retrieve:--tag) :; return ;;
    retrieve:--qrels) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--store | search:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--strategy | search:-S) COMPREPLY=($(compgen -W "bm25 embedding cross mvp monot5 rankt5 full sliding" -- "$current")); return ;;
    search:--retriever | search:-r) COMPREPLY=($(compgen -W "bm25 dense hybrid" -- "$current")); return ;;
    search:--model | search:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    search:--threads | search:-t) :; return ;;
    search:--dtype) COMPREPLY=($(compgen -W "f32 bf16 int8" -- "$current")); return ;;
    search:--results | search:-n) :; return ;;
    search:--candidates | search:-c) :; return ;;
    search:--long) COMPREPLY=($(compgen -W "truncate chunk" -- "$current")); return ;;
    search:--timeout) :; return ;;
    search:--llm) :; return ;;
    search:--llm-model) :; return ;;
    search:--llm-key-env) :; return ;;
    search:--llm-key-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--extra-body) :; return ;;
    search:--proxy) :; return ;;
    search:--ca-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--in-flight) :; return ;;
    search:--retries) :; return ;;
    search:--attempt-timeout) :; return ;;
    search:--context) :; return ;;
    search:--seed) :; return ;;
    search:--cap-name) COMPREPLY=($(compgen -W "auto max_tokens max_completion_tokens" -- "$current")); return ;;
    search:--grammar) COMPREPLY=($(compgen -W "gbnf regex guided_regex json_schema" -- "$current")); return ;;
    search:--cache) COMPREPLY=($(compgen -W "off read write" -- "$current")); return ;;
    search:--cache-store) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--prices) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--call-log) COMPREPLY=($(compgen -f -- "$current")); return ;;
    search:--window) :; return ;;
    search:--stride) :; return ;;
    search:--order) COMPREPLY=($(compgen -W "given reversed shuffled" -- "$current")); return ;;
    search:--order-seed) :; return ;;
    search:--prompt) :; return ;;
    search:--passage-words) :; return ;;
    search:--thinking-tokens) :; return ;;
    search:--constrain) COMPREPLY=($(compgen -W "off list strict" -- "$current")); return ;;
    search:--passes) :; return ;;
    rerank:--strategy | rerank:-S) COMPREPLY=($(compgen -W "embedding cross mvp monot5 rankt5 full sliding" -- "$current")); return ;;
    rerank:--model | rerank:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    rerank:--threads | rerank:-t) :; return ;;
    rerank:--dtype) COMPREPLY=($(compgen -W "f32 bf16 int8" -- "$current")); return ;;
    rerank:--output | rerank:-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--tag) :; return ;;
    rerank:--top-n | rerank:-n) :; return ;;
    rerank:--max-passage-tokens) :; return ;;
    rerank:--max-query-tokens) :; return ;;
    rerank:--long) COMPREPLY=($(compgen -W "truncate chunk" -- "$current")); return ;;
    rerank:--timeout) :; return ;;
    rerank:--candidates | rerank:-c) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--store | rerank:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--run) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--queries | rerank:-q) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--llm) :; return ;;
    rerank:--llm-model) :; return ;;
    rerank:--llm-key-env) :; return ;;
    rerank:--llm-key-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--extra-body) :; return ;;
    rerank:--proxy) :; return ;;
    rerank:--ca-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--in-flight) :; return ;;
    rerank:--retries) :; return ;;
    rerank:--attempt-timeout) :; return ;;
    rerank:--context) :; return ;;
    rerank:--seed) :; return ;;
    rerank:--cap-name) COMPREPLY=($(compgen -W "auto max_tokens max_completion_tokens" -- "$current")); return ;;
    rerank:--grammar) COMPREPLY=($(compgen -W "gbnf regex guided_regex json_schema" -- "$current")); return ;;
    rerank:--cache) COMPREPLY=($(compgen -W "off read write" -- "$current")); return ;;
    rerank:--cache-store) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--prices) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--call-log) COMPREPLY=($(compgen -f -- "$current")); return ;;
    rerank:--window) :; return ;;
    rerank:--stride) :; return ;;
    rerank:--order) COMPREPLY=($(compgen -W "given reversed shuffled" -- "$current")); return ;;
    rerank:--order-seed) :; return ;;
    rerank:--prompt) :; return ;;
    rerank:--passage-words) :; return ;;
    rerank:--thinking-tokens) :; return ;;
    rerank:--constrain) COMPREPLY=($(compgen -W "off list strict" -- "$current")); return ;;
    rerank:--passes) :; return ;;
    rerank:--on-error) COMPREPLY=($(compgen -W "fail keep" -- "$current")); return ;;
    label:--output | label:-o) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--timeout) :; return ;;
    label:--candidates | label:-c) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--store | label:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--run) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--queries | label:-q) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--llm) :; return ;;
    label:--llm-model) :; return ;;
    label:--llm-key-env) :; return ;;
    label:--llm-key-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--extra-body) :; return ;;
    label:--proxy) :; return ;;
    label:--ca-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--in-flight) :; return ;;
    label:--retries) :; return ;;
    label:--attempt-timeout) :; return ;;
    label:--context) :; return ;;
    label:--seed) :; return ;;
    label:--cap-name) COMPREPLY=($(compgen -W "auto max_tokens max_completion_tokens" -- "$current")); return ;;
    label:--grammar) COMPREPLY=($(compgen -W "gbnf regex guided_regex json_schema" -- "$current")); return ;;
    label:--cache) COMPREPLY=($(compgen -W "off read write" -- "$current")); return ;;
    label:--cache-store) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--prices) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--call-log) COMPREPLY=($(compgen -f -- "$current")); return ;;
    label:--window) :; return ;;
    label:--stride) :; return ;;
    label:--order) COMPREPLY=($(compgen -W "given reversed shuffled" -- "$current")); return ;;
    label:--order-seed) :; return ;;
    label:--prompt) :; return ;;
    label:--passage-words) :; return ;;
    label:--thinking-tokens) :; return ;;
    label:--constrain) COMPREPLY=($(compgen -W "off list strict" -- "$current")); return ;;
    eval:--measures | eval:-m) :; return ;;
    eval:--level | eval:-l) :; return ;;
    eval:--permutations) :; return ;;
    eval:--seed) :; return ;;
    compare:--qrels) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--html) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--permutations) :; return ;;
    compare:--permutation-seed) :; return ;;
    compare:--threads | compare:-t) :; return ;;
    compare:--candidates | compare:-c) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--store | compare:-s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--run) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--queries | compare:-q) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--model | compare:-m) COMPREPLY=($(compgen -d -- "$current")); return ;;
    compare:--top-n | compare:-n) :; return ;;
    compare:--max-passage-tokens) :; return ;;
    compare:--max-query-tokens) :; return ;;
    compare:--long) COMPREPLY=($(compgen -W "truncate chunk" -- "$current")); return ;;
    compare:--timeout) :; return ;;
    compare:--llm) :; return ;;
    compare:--llm-model) :; return ;;
    compare:--llm-key-env) :; return ;;
    compare:--llm-key-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--extra-body) :; return ;;
    compare:--proxy) :; return ;;
    compare:--ca-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--in-flight) :; return ;;
    compare:--retries) :; return ;;
    compare:--attempt-timeout) :; return ;;
    compare:--context) :; return ;;
    compare:--seed) :; return ;;
    compare:--cap-name) COMPREPLY=($(compgen -W "auto max_tokens max_completion_tokens" -- "$current")); return ;;
    compare:--grammar) COMPREPLY=($(compgen -W "gbnf regex guided_regex json_schema" -- "$current")); return ;;
    compare:--cache) COMPREPLY=($(compgen -W "off read write" -- "$current")); return ;;
    compare:--cache-store) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--prices) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--call-log) COMPREPLY=($(compgen -f -- "$current")); return ;;
    compare:--window) :; return ;;
    compare:--stride) :; return ;;
    compare:--order) COMPREPLY=($(compgen -W "given reversed shuffled" -- "$current")); return ;;
    compare:--order-seed) :; return ;;
    compare:--prompt) :; return ;;
    compare:--passage-words) :; return ;;
    compare:--thinking-tokens) :; return ;;
    compare:--constrain) COMPREPLY=($(compgen -W "off list strict" -- "$current")); return ;;
    compare:--passes) :; return ;;
    compare:--on-error) COMPREPLY=($(compgen -W "fail keep" -- "$current")); return ;;
    pull:--endpoint) :; return ;;
    pull:--token-env) :; return ;;
    pull:--token-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    pull:--cache) COMPREPLY=($(compgen -d -- "$current")); return ;;
    pull:--proxy) :; return ;;
    pull:--ca-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    info:--threads | info:-t) :; return ;;
    info:--dtype) COMPREPLY=($(compgen -W "f32 bf16 int8" -- "$current")); return ;;
    esac
    case $verb in
    import) words="--store --format --skip-bad --batch --help" ;;
    embed) words="--store --model --threads --dtype --replace --help" ;;
    retrieve) words="--store --queries --top-k --retriever --model --threads --dtype --k1 --b --output --tag --qrels --drop-self --help" ;;
    search) words="--store --strategy --retriever --model --threads --dtype --results --candidates --long --timeout --compare --json --help --llm --llm-model --llm-key-env --llm-key-file --extra-body --proxy --ca-file --in-flight --retries --attempt-timeout --context --seed --cap-name --grammar --no-stream --cache --cache-store --prices --call-log --window --stride --order --order-seed --prompt --passage-words --thinking-tokens --constrain --passes --ask-top-n --no-early-stop" ;;
    rerank) words="--strategy --model --threads --dtype --output --tag --top-n --max-passage-tokens --max-query-tokens --long --timeout --resume --dry-run --provenance --json --help --candidates --store --run --queries --llm --llm-model --llm-key-env --llm-key-file --extra-body --proxy --ca-file --in-flight --retries --attempt-timeout --context --seed --cap-name --grammar --no-stream --cache --cache-store --prices --call-log --window --stride --order --order-seed --prompt --passage-words --thinking-tokens --constrain --passes --ask-top-n --no-early-stop --on-error" ;;
    label) words="--output --timeout --dry-run --provenance --json --help --candidates --store --run --queries --llm --llm-model --llm-key-env --llm-key-file --extra-body --proxy --ca-file --in-flight --retries --attempt-timeout --context --seed --cap-name --grammar --no-stream --cache --cache-store --prices --call-log --window --stride --order --order-seed --prompt --passage-words --thinking-tokens --constrain" ;;
    eval) words="--measures --per-query --complete --level --drop-self --sets --compare --permutations --seed --json --help" ;;
    compare) words="--qrels --html --json --no-reversed --permutations --permutation-seed --threads --help --candidates --store --run --queries --model --top-n --max-passage-tokens --max-query-tokens --long --timeout --llm --llm-model --llm-key-env --llm-key-file --extra-body --proxy --ca-file --in-flight --retries --attempt-timeout --context --seed --cap-name --grammar --no-stream --cache --cache-store --prices --call-log --window --stride --order --order-seed --prompt --passage-words --thinking-tokens --constrain --passes --ask-top-n --no-early-stop --on-error" ;;
    pull) words="--endpoint --token-env --token-file --cache --proxy --ca-file --list --json --help" ;;
    info) words="--threads --dtype --json --help" ;;
    *) return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}
complete -o filenames -F _rrk rrk
