#!/bin/sh
# fuzz.sh TARGET SECONDS: builds tests/fuzz/TARGET.c for libFuzzer, runs it for so long on one core, then prints how many
# lines of its parser the seeds and what was found cover. Builds and findings stay in build-fuzz (or in $FUZZ_TREE); an
# input that breaks something lies in its artifacts/. Needs clang with libFuzzer (Debian: libclang-rt-14-dev) and gcov.
set -eu
[ $# = 2 ] || { sed -n '2,4s/^# //p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
target=$1
seconds=$2
tree=${FUZZ_TREE:-build-fuzz}
[ -f "tests/fuzz/$target.c" ] || { echo "there is no tests/fuzz/$target.c" >&2; exit 2; }

# build TREE OPTION...
build() {
    built=$1
    shift
    [ -f "$built/build.ninja" ] || meson setup "$built" -Db_lundef=false "$@" >/dev/null
    ninja -C "$built" "tests/fuzz/fuzz-$target" tests/fuzz/seeds.stamp >"$built/build.log" || { cat "$built/build.log"; exit 1; }
}

CC=clang build "$tree/fuzzer" -Dfuzz=true -Dbuildtype=debugoptimized
corpus=$tree/corpus/$target
seeds=$tree/fuzzer/tests/fuzz/seeds/$target
mkdir -p "$corpus" "$tree/artifacts"
status=0
ASAN_OPTIONS=quarantine_size_mb=32 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 nice -n 15 "$tree/fuzzer/tests/fuzz/fuzz-$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="$tree/artifacts/$target-" "$corpus" "$seeds" >"$tree/$target.log" 2>&1 || status=$?
grep -E '^stat::|ERROR|SUMMARY|does not hold|Test unit written' "$tree/$target.log" || true

build "$tree/coverage" -Db_coverage=true -Dbuildtype=debug
find "$tree/coverage" -name '*.gcda' -delete
"$tree/coverage/tests/fuzz/fuzz-$target" "$seeds" "$corpus" >/dev/null 2>&1 || status=1
for source in $(sed -n 's/^ \* Parser: //p' "tests/fuzz/$target.c"); do
    object=$(find "$tree/coverage" -name "*$(echo "$source" | tr / _).gcda" | head -1)
    [ -n "$object" ] || { echo "$source: not reached"; continue; }
    gcov -n "$object" 2>/dev/null | grep -A1 "^File '.*$source'" | sed -n "s|^Lines executed:|$source: lines executed |p"
done
exit "$status"
