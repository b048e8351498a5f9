#!/bin/sh
# check_tidy.sh BUILD: clang-tidy over the library and the command, with the compile commands of a tree built by clang.
set -eu
build=$(realpath "$1")
cd "$(dirname "$0")/.."
git ls-files -z 'base/*.c' 'store/*.c' 'encoder/*.c' 'net/*.c' 'llm/*.c' 'retriever/*.c' 'rerank/*.c' 'eval/*.c' 'cli/*.c' |
    xargs -0 -P2 -n4 clang-tidy -p "$build" --quiet
