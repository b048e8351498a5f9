"""The public prototypes as the headers state them."""
import pathlib
import re

EXPERIMENTAL = re.compile(r"#ifdef RRK_EXPERIMENTAL\b(.*?)#endif", re.S)
PROTOTYPE = re.compile(r"RRK_API\s+[^;(]*?\b(rrk_\w+)\s*\(([^;]*)\)\s*;")


def read(include, experimental=False):
    """{function: its parameters as one line} over every header of the folder include: the settled or the other ones."""
    found = {}
    for header in sorted(pathlib.Path(include).glob("rrk/*.h")):
        text = re.sub(r"/\*.*?\*/", " ", header.read_text(encoding="utf-8"), flags=re.S)
        text = "".join(EXPERIMENTAL.findall(text)) if experimental else EXPERIMENTAL.sub(" ", text)
        for match in PROTOTYPE.finditer(text):
            found[match.group(1)] = " ".join(match.group(2).split())
    return found
