#!/usr/bin/env python3
"""Writes tests/encoder/golden/minilm.txt: what sentence-transformers gives for a few texts of our own.

Needs sentence-transformers and a folder with all-MiniLM-L6-v2.

    python tools/golden_minilm.py MODEL_DIR > tests/encoder/golden/minilm.txt
"""
import sys

import sentence_transformers

TEXTS = [
    "when does the sea freeze?",
    "The Baltic Sea freezes in its northern part for up to six months a year.",
    "Sourdough rises by wild yeast and bacteria that live in the starter.",
    "Caf\u00e9, na\u00efve, \u0141\u00f3d\u017a \u2014 \u5317\u4eac \U0001f680 [SEP]",
    "ice " * 400,
]

model = sentence_transformers.SentenceTransformer(sys.argv[1], device="cpu")
# A special token's name in a text is text to rrk, and a special token to the library: it is spelled apart for it.
vectors = model.encode([t.replace("[SEP]", "[ SEP ]") for t in TEXTS], normalize_embeddings=True)
print(f"# tools/golden_minilm.py, sentence-transformers {sentence_transformers.__version__}")
print("# all 384 values of each of the texts in tests/encoder/minilm.c")
for vector in vectors:
    print(" ".join(f"{v:.7f}" for v in vector.tolist()))
