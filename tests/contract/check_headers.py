#!/usr/bin/env python3
"""check_headers.py INCLUDE CC CXX: each public header compiles alone, as C99 and as C++, without a warning."""
import pathlib
import subprocess
import sys

STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]


def compiles(command, source):
    done = subprocess.run([*command, *STRICT, "-"], input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        print(" ".join(command), source, done.stderr, sep="\n")
    return done.returncode == 0


def main():
    include, cc, cxx = sys.argv[1:]
    headers = sorted(pathlib.Path(include).glob("rrk/*.h"))
    good = bool(headers)
    for header in headers:
        source = f"#define RRK_EXPERIMENTAL\n#include <rrk/{header.name}>\n"
        good &= compiles([cc, "-x", "c", "-std=c99", "-I", include], source)
        good &= compiles([cxx, "-x", "c++", "-std=c++11", "-I", include], source)
    print(f"{len(headers)} headers")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
