#!/usr/bin/env python3
"""Writes encoder/wordpiece_ranges.h: where the `tokenizers` package and current Unicode disagree.

`tokenizers` classifies characters by tables of about Unicode 8, normalises by Unicode 9 and lower-cases by the Unicode
of its compiler. The C code asks libunistring, whose version is whatever the system has, and then consults these ranges,
so that token ids do not depend on it. Needs the packages tokenizers and unicodedata2 (the newest Unicode).

    python tools/wordpiece_ranges.py > encoder/wordpiece_ranges.h
"""
import tokenizers
import unicodedata2 as ucd
from tokenizers import normalizers, pre_tokenizers

NONE = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
CLEAN, STRIP, LOWER = (normalizers.BertNormalizer(**(NONE | {key: True}))
                       for key in ("clean_text", "strip_accents", "lowercase"))
SPLIT = pre_tokenizers.BertPreTokenizer()
CODE_POINTS = [c for c in range(0x80, 0x110000) if not 0xD800 <= c <= 0xDFFF]
# Two marks of known order that no table drops: they show whether the reference knows a third one's combining class.
CLASS_226, CLASS_216 = "\U0001d16d", "\U0001d165"


def reference_class(char):
    text = "a" + char + "b"
    if len(SPLIT.pre_tokenize_str(text)) == 3:
        return "PUNCTUATION"
    if STRIP.normalize_str(text) == "ab":
        return "MARK"
    return "DROPPED" if CLEAN.normalize_str(text) == "ab" else "PLAIN"


def unicode_class(char):
    category = ucd.category(char)
    if category[0] == "P":
        return "PUNCTUATION"
    return {"Mn": "MARK", "Cc": "DROPPED", "Cf": "DROPPED", "Co": "DROPPED"}.get(category, "PLAIN")


def reorders(char):
    if STRIP.normalize_str("a" + char) == "a":
        return True
    k = ucd.combining(char)
    first = char + CLASS_226 if k < 226 else CLASS_226 + char
    second = CLASS_216 + char if k > 216 else char + CLASS_216
    return STRIP.normalize_str("a" + CLASS_226 + char) == "a" + first and \
        STRIP.normalize_str("a" + char + CLASS_216) == "a" + second


def ranges(chosen, allowed=()):
    """Runs of chosen code points; a run may cross gaps that are all in allowed."""
    out = []
    for c in sorted(chosen):
        if out and all(g in allowed for g in range(out[-1][1] + 1, c)):
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, comment, rows):
    print(f"\n/* {comment} */\nstatic const code_range {name}[] = {{")
    cells = [f"{{0x{a:04x}, 0x{b:04x}}}" for a, b in rows]
    for i in range(0, len(cells), 5):
        print("    " + ", ".join(cells[i:i + 5]) + ",")
    print("};")


def main():
    is_class = {c: reference_class(chr(c)) for c in CODE_POINTS}
    differ = [c for c in CODE_POINTS if is_class[c] != unicode_class(chr(c))]
    plain = {c for c in CODE_POINTS if is_class[c] == "PLAIN"}
    composed = {c for c in CODE_POINTS if ucd.normalize("NFD", chr(c)) != chr(c)}
    whole = {c for c in composed if STRIP.normalize_str(chr(c)) == chr(c)}
    unordered = [c for c in CODE_POINTS if ucd.combining(chr(c)) and not reorders(chr(c))]
    known_order = {c for c in CODE_POINTS if ucd.combining(chr(c))} - set(unordered)
    print("/*\n * Where the reference tokenizer's Unicode differs from current Unicode, so that token ids depend on no "
          "library's\n * version: see wordpiece_unicode.c. Written by tools/wordpiece_ranges.py from tokenizers "
          f"{tokenizers.__version__} and Unicode {ucd.unidata_version}.\n */")
    print("#ifndef RRK_ENCODER_WORDPIECE_RANGES_H\n#define RRK_ENCODER_WORDPIECE_RANGES_H\n\n#include <stdint.h>\n")
    print("typedef struct code_range {\n    uint32_t first, last;\n} code_range;")
    print("\n/* Classes that current Unicode no longer gives, or never gave. */\n"
          "static const struct {\n    uint32_t code_point;\n    enc_wp_class is;\n} MOVED[] = {")
    for c in differ:
        if is_class[c] != "PLAIN":
            print(f"    {{0x{c:04x}, ENC_WP_{is_class[c]}}},")
    print("};")
    table("PLAIN", "Marks, punctuation and format characters that are newer than the reference's categories.",
          ranges([c for c in differ if is_class[c] == "PLAIN"], plain))
    table("WHOLE", "Characters that are newer than the reference's decompositions.",
          ranges(whole, plain - (composed - whole)))
    table("UNORDERED", "Marks that are newer than the reference's combining classes.",
          ranges(unordered, set(CODE_POINTS) - known_order))
    print("\n/* Capitals of Unicode 15 and later, which an older libunistring does not know. */\n"
          "static const struct {\n    uint32_t first, last;\n    int32_t to_lower;\n} CAPITALS[] = {")
    rows = []
    for c in CODE_POINTS:
        low = LOWER.normalize_str(chr(c))
        if len(low) == 1 and low != chr(c) and ord(low) != c and c in NEW_CAPITALS:
            delta = ord(low) - c
            if rows and rows[-1][1] == c - 1 and rows[-1][2] == delta:
                rows[-1][1] = c
            else:
                rows.append([c, c, delta])
    for a, b, delta in rows:
        print(f"    {{0x{a:04x}, 0x{b:04x}, {delta}}},")
    print("};\n\n#endif")


# Assigned after Unicode 14, the oldest libunistring (1.0) that rrk builds with.
NEW_CAPITALS = {0x1C89, 0xA7CB, 0xA7CC, 0xA7CE, 0xA7D2, 0xA7D4, 0xA7DA, 0xA7DC, *range(0x10D50, 0x10D66),
                *range(0x16EA0, 0x16EB9)}

if __name__ == "__main__":
    main()
