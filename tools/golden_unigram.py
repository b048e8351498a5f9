#!/usr/bin/env python3
"""Writes tests/encoder/golden/unigram.txt: hashes of the ids that unigram tokenizers give.

    python tools/golden_unigram.py DATA OLD NEW

DATA is the shared test data (tokenizers/, scifact/, nfcorpus/). OLD and NEW are folders with two sentencepiece packages
(`pip install --target OLD sentencepiece==0.1.97`, NEW: 0.2.3): they differ where two ways are equally good, as their
sums are rounded differently, and either is right for a library that may be older or newer. tokenizer.json is run by
the `tokenizers` package with its special pieces renamed, because in rrk those never come out of text.

A record's hash is FNV-1a 64 over its ids as little-endian 32-bit numbers, its lowest 16 bits kept. Sets of records: the
files of two collections, the texts of hard.jsonl and unigram_hard.jsonl, every code point (a record a plane), and MVP's
prompt made of segments.
"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

from golden_wordpiece import FILES, OUT, SCALARS, fnv

TOKENIZERS = [("tokenizers/unigram32k.tokenizer.json", "tokenizer.json"),
              ("tokenizers/pegasus_tokenizer.json", "tokenizer.json"),
              ("tokenizers/unigram32k.spiece.model", "spiece.model"),
              ("tokenizers/hf_test_sentencepiece.model", "spiece.model")]
N_PROMPTS = 300
REPEATED = [("x", 1_000_000), ("\u0301", 100_000), (" ", 100_000), ("word, ", 20_000)]
HARD = [
    "</s>", "<pad> <unk></s>", "<extra_id_0><extra_id_1> | Query: a | Context: b", "a<extra_id_99>b", "\u2581", "\u2581a\u2581\u2581b",
    " \u2581 a", "a  b   c ", "  a", "\r\n\r\n", "a\r\nb\tc", "\u00a0\u0301x", "\u2460\u0301 \u00bd\u0301", "\u00a0\u0897\u00a0\u1acf",
    "\u0600a \u0600\u00a0", "\u00a9\u200d\u00a9 \u2122\u200d\u2122", "a\u2028b\u2029c\u0085d", "\ufdfa\ufdfb", "\uff76\uff9e\uff8a\uff9f",
    "\u1100\u1161\u11a8\uac00\u11a8", "\u0e33\u0eb3", "\u3131\u3164\uffa0", "\u0000", "a\u0000b", "\u200b\u200c\u200d\ufeff\u00ad",
    "\U0001f469\U0001f3fd\u200d\U0001f692 \U0001f1e9\U0001f1ea\U0001f1eb", "e\u0301\u0302\u0323", "q\u0307\u0323",
    "\u043f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0419\u0438\u0306", "\u05d0\u05bc\u05b7 \ufb2e",
]


def hard_texts():
    with open(OUT / "hard.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [r["text"] * r.get("times", 1) for r in rows if "text" in r]


def read(path):
    with open(path, encoding="utf-8", newline="\n") as lines:
        rows = [json.loads(line) for line in lines]
    return [(r["title"] + " " if "title" in r else "") + r["text"] for r in rows]


def record_sets(data):
    """(name, records), a record being the texts whose ids follow each other."""
    sets = [(name, [[t] for t in read(data / name)]) for name in FILES]
    queries, passages = read(data / FILES[1]), read(data / FILES[0])
    sets.append(("prompts", [[" | Query: ", queries[i], " | Context: ", passages[i]] for i in range(N_PROMPTS)]))
    sets.append(("hard", [[t] for t in hard_texts()]))
    sets.append(("unigram_hard", [[t] for t in HARD] + [[t * n] for t, n in REPEATED]))
    sets.append(("planes", [[f"a{chr(c)}b" for c in SCALARS if c >> 16 == plane] for plane in range(17)]))
    return sets


def json_encoder(path):
    import tokenizers
    model = json.loads(path.read_text(encoding="utf-8"))
    vocab = model["model"]["vocab"]
    special = {t["content"] for t in model["added_tokens"]} | {vocab[model["model"]["unk_id"]][0]}
    for i, piece in enumerate(vocab):
        if piece[0] in special or re.fullmatch("\u2581?<extra_id_[0-9]+>", piece[0]):
            piece[0] = f"\U0010fffe{i}\U0010fffe"
    model.update(added_tokens=[], truncation=None, padding=None, post_processor=None)
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(model))
    return f"tokenizers-{tokenizers.__version__}", \
        lambda texts: [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def spiece_worker(path):
    """Run with PYTHONPATH set to one of the two packages: texts come as JSON lines, ids go back in binary."""
    import sentencepiece
    processor = sentencepiece.SentencePieceProcessor(model_file=path)
    for line in sys.stdin:
        ids = processor.encode(json.loads(line))
        sys.stdout.buffer.write(struct.pack(f"<I{len(ids)}I", len(ids), *ids))


def spiece_encoder(path, folder):
    version = next(pathlib.Path(folder).glob("sentencepiece-*.dist-info")).name.removesuffix(".dist-info")

    def encode(texts):
        run = subprocess.run([sys.executable, __file__, "--worker", str(path)], check=True, stdout=subprocess.PIPE,
                             input="".join(json.dumps(t) + "\n" for t in texts).encode(),
                             env={**os.environ, "PYTHONPATH": folder})
        at, out = 0, []
        while at < len(run.stdout):
            n, = struct.unpack_from("<I", run.stdout, at)
            out.append(struct.unpack_from(f"<{n}I", run.stdout, at + 4))
            at += 4 + 4 * n
        return out
    return version, encode


def hashes(encode, records):
    """(number of ids, 16 bits a record)."""
    ids = iter(encode([text for record in records for text in record]))
    n, out = 0, []
    for record in records:
        own = [i for _ in record for i in next(ids)]
        n += len(own)
        out.append(f"{fnv(own) & 0xffff:04x}")
    return n, out


def write(data, folders):
    lines = ["# tools/golden_unigram.py: tokenizer FILE NAME ORACLE...; set NAME RECORDS IDS, 16 bits a record, and `also "
             "RECORD HASH` where the second oracle differs\n"]
    sets = record_sets(data)
    for source, name in TOKENIZERS:
        encoders = [json_encoder(data / source)] if name == "tokenizer.json" else \
            [spiece_encoder(data / source, f) for f in folders]
        lines.append(f"tokenizer {source} {name} {' '.join(version for version, _ in encoders)}\n")
        for set_name, records in sets:
            n, first = hashes(encoders[0][1], records)
            second = hashes(encoders[1][1], records)[1] if len(encoders) > 1 else first
            lines.append(f"set {set_name} {len(records)} {n}\n")
            small = "".join(first)
            lines += [small[i:i + 120] + "\n" for i in range(0, len(small), 120)]
            lines += [f"also {i} {b}\n" for i, (a, b) in enumerate(zip(first, second)) if a != b]
    (OUT / "unigram.txt").write_text("".join(lines))
    rows = [{"text": t} for t in HARD] + [{"text": t, "times": n} for t, n in REPEATED]
    (OUT / "unigram_hard.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        spiece_worker(sys.argv[2])
    else:
        write(pathlib.Path(sys.argv[1]), sys.argv[2:4])
