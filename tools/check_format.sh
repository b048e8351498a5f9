#!/bin/sh
# Fails, naming the places, when a tracked C file is not as clang-format would write it.
set -eu
cd "$(dirname "$0")/.."
git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
