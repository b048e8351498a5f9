#!/usr/bin/env python3
"""Checks the one direction that includes may take, and draws it.

A file includes its own folder or a folder with a smaller level; folders of one level never see each other. Headers of
third-party libraries belong to the folders that own them, and public headers stand on standard headers and <rrk/...>
alone. Prints the drawing and exits 0, or prints `file:line: what` for every breach and exits 1.
"""
import os
import re
import sys

LEVELS = {
    "include": 0, "base": 1, "store": 2, "encoder": 2, "net": 2, "llm": 3, "retriever": 3, "rerank": 4,
    "eval": 5, "api": 5, "cli": 6, "examples": 7, "tests": 7, "bench": 7, "tools": 7,
}
TOP_LEVEL = 7  # tests and their like may look at everything

# header pattern -> (folders that may include it, whether it may appear in a header of theirs)
OWNERS = [
    (r"sqlite3(ext)?\.h", {"store"}, True),
    (r"(oneapi/|dnnl).*|omp\.h", {"encoder"}, True),
    (r"cuda.*\.h|cublas.*\.h|sentencepiece.*", {"encoder"}, True),
    (r"uni[a-z]+\.h|unistring/.*|libstemmer\.h", {"store", "encoder"}, True),
    (r"curl/.*", {"net"}, True),
    (r"nettle/.*", {"base"}, False),
    (r"yaml\.h", {"rerank"}, False),
    (r"microhttpd\.h", {"api"}, True),
    (r"jansson\.h", {"store", "encoder", "llm", "eval", "api", "cli"}, False),
]
NOT_UNISTRING = {"unistd.h"}
C_HEADERS = {h + ".h" for h in (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic "
    "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype").split()}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources(root):
    for folder in sorted(LEVELS):
        for where, folders, names in os.walk(os.path.join(root, folder)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".cc", ".h")):
                    yield os.path.relpath(os.path.join(where, name), root)


def includes(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1) == '"', match.group(2)


def check_quoted(folder, target):
    """What is wrong with including target ("store/schema.h") from folder, or None."""
    if LEVELS[folder] == TOP_LEVEL and ("/" not in target or target.startswith("../")):
        return None  # a test's helpers stand beside it
    if "/" not in target:
        return f'"{target}" is not written from the root ("{folder}/{target}")'
    to = target.split("/", 1)[0]
    if to not in LEVELS or to == "include":
        return f'"{target}" is in no folder that private headers live in'
    if to == folder or LEVELS[to] < LEVELS[folder]:
        return None
    how = "a neighbour" if LEVELS[to] == LEVELS[folder] else "above it"
    return f'{folder}/ (level {LEVELS[folder]}) includes "{target}", {how} (level {LEVELS[to]})'


def check_system(path, folder, target):
    """What is wrong with including <target> from path, or None."""
    if target.startswith("rrk/"):
        return None
    if folder == "include":
        return None if target in C_HEADERS else f"a public header includes <{target}>: only standard headers and <rrk/...>"
    if LEVELS[folder] == TOP_LEVEL or target in NOT_UNISTRING:
        return None
    for pattern, owners, in_headers in OWNERS:
        if not re.fullmatch(pattern, target):
            continue
        if folder not in owners:
            return f"<{target}> belongs to {', '.join(sorted(owners))}, not to {folder}/"
        if path.endswith(".h") and not in_headers:
            return f"<{target}> may appear in .c files only"
    return None


def check(root):
    """(breaches, arrows): lines of `file:line: what`, and {folder: set of folders it includes}."""
    breaches, arrows = [], {}
    for path in sources(root):
        folder = path.split(os.sep, 1)[0]
        seen = arrows.setdefault(folder, set())
        for number, quoted, target in includes(root, path):
            if quoted:
                wrong = check_quoted(folder, target)
            else:
                wrong = check_system(path, folder, target)
            if wrong:
                breaches.append(f"{path}:{number}: {wrong}")
            to = "include" if target.startswith("rrk/") else target.split("/", 1)[0] if quoted else None
            if to in LEVELS and to != folder:
                seen.add(to)
    return breaches, arrows


def draw(arrows):
    lines = []
    for level in range(TOP_LEVEL + 1):
        for folder in [f for f, at in LEVELS.items() if at == level and f in arrows]:
            below = sorted(arrows[folder], key=lambda f: (LEVELS[f], f))
            lines.append(f"{level}  {folder + '/':<11}" + ("-> " + " ".join(below) if below else ""))
    return "\n".join(line.rstrip() for line in lines)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    breaches, arrows = check(root)
    print(draw(arrows))
    for breach in breaches:
        print(breach, file=sys.stderr)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
