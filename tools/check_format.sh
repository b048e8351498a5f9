#!/bin/sh
# Fails, naming the places, when a tracked C or C++ file is not as clang-format would write it.
set -eu
cd "$(dirname "$0")/.."
git ls-files -z '*.c' '*.cc' '*.h' | xargs -0 clang-format --dry-run -Werror
