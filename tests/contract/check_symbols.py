#!/usr/bin/env python3
"""check_symbols.py LIBRARY INCLUDE SYMBOLS POISON: what librrk exports, what the headers declare and the committed
list are one; and every function that takes an rrk_error is in the test with the poisoned one."""
import subprocess
import sys

import prototypes

FOREIGN = ("__asan", "__odr", "__ubsan", "__gcov", "_init", "_fini", "__start", "__stop", "__bss_start", "_edata", "_end")


def exported(library):
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    names = [line.split()[-1].split("@")[0] for line in listing.splitlines()]
    # Sanitizers and profilers add symbols of their own, and clang's target_clones a "name.resolver".
    return {name for name in names if "." not in name and not name.startswith(FOREIGN)}


def differ(what, have, want):
    for name in sorted(have - want):
        print(f"{name}: {what[0]}")
    for name in sorted(want - have):
        print(f"{name}: {what[1]}")
    return have != want


def main():
    library, include, symbols, poison = sys.argv[1:]
    declared = prototypes.read(include)
    listed = {line.strip() for line in open(symbols, encoding="utf-8") if line.strip()}
    tested = open(poison, encoding="utf-8").read()
    wrong = differ(("exported, but not in symbols.txt", "in symbols.txt, but not exported"), exported(library) - set(prototypes.read(include, experimental=True)), listed)
    wrong |= differ(("declared, but not in symbols.txt", "in symbols.txt, but not declared"), set(declared), listed)
    with_error = {name for name, parameters in declared.items() if "rrk_error *" in parameters}
    wrong |= differ(("takes an rrk_error and is not in poison.c", ""), with_error,
                    {name for name in with_error if f"REFUSES({name}," in tested})
    print(f"{len(listed)} symbols, {len(with_error)} of them with an rrk_error")
    return 1 if wrong or not with_error else 0


if __name__ == "__main__":
    sys.exit(main())
