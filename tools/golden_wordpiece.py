#!/usr/bin/env python3
"""Writes tests/encoder/golden/: what the `tokenizers` package makes of texts, as counts and hashes of token ids.

    python tools/golden_wordpiece.py DATA

DATA is the shared test data (tokenizers/minilm_tokenizer.json, scifact/, nfcorpus/). hard.jsonl holds texts invented
here, beir.txt only hashes. Special tokens in texts are plain text (encode_special_tokens). A hash is FNV-1a 64 over the
ids as little-endian 32-bit numbers; a record of beir.txt keeps its lowest 16 bits.
"""
import json
import pathlib
import random
import sys
import unicodedata

import tokenizers

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "encoder" / "golden"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
FILES = ["scifact/corpus.jsonl", "scifact/queries.jsonl", "nfcorpus/corpus.jsonl", "nfcorpus/queries.jsonl"]
N_RANDOM = 250
HARD = [
    "", " ", "\t\n\r", "Hello, World!", "don't stop-believing @ 3.14$ (or 50%)", "[SEP]", "[CLS] x [SEP] y [PAD]",
    "a[MASK]b[UNK]", "##ing ##s", "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m", "cafe\u0301 nai\u0308ve",
    "\u0130stanbul I\u0307", "\u039f\u0394\u039f\u03a3 \u03a3\u03a3\u03a3", "Stra\u00dfe \u1e9e",
    "\ufb01\ufb02\ufb03 \u0132\u0133 \u01c4\u01c5\u01c6",
    "\uff26\uff35\uff2c\uff2c \uff57\uff49\uff44\uff54\uff48\u3002", "\u4f60\u597d world\u4e16\u754c",
    "\uf900\U0002f800x", "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab", "\u304c\u304b\u3099 \u30d1\u30cf\u309a",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05b8\u05dc\u05d5\u05b9\u05dd", "\u202eabc\u202c \u200fx\u200e",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "a\u0000b\u0007c\u001bd\u007fe\u0085f\u000bg\u000ch",
    "zero\u200bwidth\u200cjoin\u200d soft\u00adhyphen \ufeffbom",
    "\u00a0nbsp\u2003em\u3000wide\u2028line\u2029para\u1680", "\ue000private\U000f0000 \U0010ffff",
    "\u0378\u0530 \uffff\ufffe", "\ufffd", "\u1fef \u2260\u226e\u037e\u212a\u2126", "\u0301\u0301", "x\u0302e\u0301",
    "\u0e01\u0e33\u0e19\u0e49\u0e33", "\u0915\u094d\u0937\u093f \u0b95\u0bca", "\u1100\u1161 \u302e\U0001d165",
    "\U0001d15e \U0001d1bb", "\U0001d400\U0001d4d0 \u2460\u00b2\u00bd",
    "\u00bfQu\u00e9? \u00a1S\u00ed! \u00ab\u00bb \u201c\u201d \u2014\u2026", "\u166d \u1734 \U000111c9 \U0001171e",
    "\U00010d50\ua7cb\u1c89", "a" * 100, "a" * 101, "\u00e9" * 100, "\u00e9" * 101, "e\u0301" * 101,
    "x" + "\u302e\U0001d165" * 50, "ab" * 50 + ".", "\u0130" * 100,
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "\u4e00" * 150,
]
REPEATED = [("a", 1_000_000), ("\u0301", 300_000), ("\u302e\U0001d165", 100_000), (" ", 1_000_000), ("word, ", 20_000)]


def fnv(ids, h=0xCBF29CE484222325):
    for i in ids:
        for byte in i.to_bytes(4, "little"):
            h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def random_texts():
    rng = random.Random(20240817)
    marks = [c for c in SCALARS if unicodedata.category(chr(c))[0] == "M"]
    composed = [c for c in SCALARS if unicodedata.decomposition(chr(c)) and c < 0x30000]
    common = [ord(c) for c in "abcXYZthe ing ##,.-[SEP]\t\n\x00\x0b\x85\u200d"]
    pools = [(0.30, marks), (0.50, composed), (0.70, common), (0.80, range(0x80, 0x600)),
             (0.90, range(0x4E00, 0x9FFF)), (1.0, SCALARS)]
    for _ in range(N_RANDOM):
        dice = [rng.random() for _ in range(rng.randrange(1, 30))]
        yield "".join(chr(rng.choice(next(pool for limit, pool in pools if d <= limit))) for d in dice)


def encode(tokenizer, texts):
    for i in range(0, len(texts), 20000):
        for encoding in tokenizer.encode_batch(texts[i:i + 20000], add_special_tokens=False):
            yield encoding.ids


def write_hard(tokenizer):
    texts = HARD + list(random_texts())
    lines = [{"about": f"ids of bert-base-uncased's vocabulary by tokenizers {tokenizers.__version__}; "
                       "written by tools/golden_wordpiece.py"}]
    lines += [{"text": t, "n": len(ids), "hash": f"{fnv(ids):016x}"} for t, ids in zip(texts, encode(tokenizer, texts))]
    for text, times in REPEATED:
        ids = next(encode(tokenizer, [text * times]))
        lines.append({"text": text, "times": times, "n": len(ids), "hash": f"{fnv(ids):016x}"})
    for plane in range(17):
        texts = [f"a{chr(c)}b" for c in SCALARS if c >> 16 == plane]
        ids = [i for one in encode(tokenizer, texts) for i in one]
        lines.append({"plane": plane, "n": len(ids), "hash": f"{fnv(ids):016x}"})
    (OUT / "hard.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_beir(tokenizer, data):
    out = [f"# tokenizers {tokenizers.__version__}, written by tools/golden_wordpiece.py: file, records, ids, "
           "hash of all; then 16 bits a record\n"]
    for name in FILES:
        rows = [json.loads(line) for line in (data / name).read_text(encoding="utf-8").split("\n") if line.strip()]
        texts = [(r["title"] + " " if "title" in r else "") + r["text"] for r in rows]
        all_ids, small = [], ""
        for ids in encode(tokenizer, texts):
            all_ids += ids
            small += f"{fnv(ids) & 0xffff:04x}"
        out.append(f"{name} {len(texts)} {len(all_ids)} {fnv(all_ids):016x}\n")
        out += [small[i:i + 120] + "\n" for i in range(0, len(small), 120)]
    (OUT / "beir.txt").write_text("".join(out))


def main():
    data = pathlib.Path(sys.argv[1])
    tokenizer = tokenizers.Tokenizer.from_file(str(data / "tokenizers" / "minilm_tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    OUT.mkdir(exist_ok=True)
    write_hard(tokenizer)
    write_beir(tokenizer, data)


if __name__ == "__main__":
    main()
