#!/usr/bin/env python3
"""Writes tests/encoder/golden/mvp_block.txt: the block layout of doc/mvp-bert.md in PyTorch, on the tiny models of
tests/encoder/tiny_block.c.

Weights and token ids come from the same counter-based generator as in base/rng.c; the backbone is transformers'
BertModel, the rest is plain PyTorch in double precision. Needs numpy, torch and transformers.

    python tools/golden_mvp_block.py > tests/encoder/golden/mvp_block.txt
"""
import numpy as np
import torch
import transformers
from golden_bert import U, rng
from golden_t5 import VOCAB, build_mvp_bert, layer_norm, mvp_bert_anchor, view_scores
from torch.nn.functional import cosine_similarity, gelu, linear, scaled_dot_product_attention

# name, layers, decoder layers, d_model, heads, d_ff, views, view_from, view_kv, cosine_scale, score_scale,
# maxsim_scale, maxsim_layer
SHAPES = [("own", 3, 2, 64, 4, 128, 4, 0, "own", 1.0, 0.125, 0.0, 3),
          ("late", 3, 1, 64, 4, 128, 4, 2, "own", 0.5, 0.125, 3.0, 3),
          ("shared", 3, 1, 64, 4, 128, 4, 1, "backbone", 2.0, 0.05, 0.5, 1),
          ("one", 2, 1, 48, 2, 100, 1, 0, "backbone", 1.0, 0.125, 0.25, 0)]  # heads of 24 fill no vector
QUERY_TOKENS = {"own": 12, "late": 66, "shared": 3, "one": 17}
LENGTHS = [3, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9, 200, 250]
LONG_LIST = 300


def ids_of(r, n):
    return torch.from_numpy(5 + (rng(7, np.arange(n) + r * 1000) % U(VOCAB - 5)).astype(np.int64))[None]


def apply(w, name, x):
    return linear(x, w[name + ".weight"], w[name + ".bias"])


def states(model, ids):
    """The states that enter each layer, and the last ones: [layers + 1][tokens, d]."""
    out = model(input_ids=ids, token_type_ids=torch.zeros_like(ids), output_hidden_states=True)
    return [h[0] for h in out.hidden_states]


def run_views(w, shape, query, passage):
    """The vectors [m, d] of one pair."""
    _, n_layers, _, d, heads, _, _, view_from, kv = shape[:9]
    v = w["mvp.views"]
    for i in range(view_from, n_layers):
        own = f"mvp.view_layer.{i}."
        reads = own if kv == "own" else f"encoder.layer.{i}."
        tokens = torch.cat([query[i], passage[i]])
        q = apply(w, own + "attention.self.query", v)
        k, x = (torch.cat([apply(w, f"{own}attention.self.{part}", v), apply(w, f"{reads}attention.self.{part}", tokens)])
                for part in ("key", "value"))
        split = [t.reshape(-1, heads, d // heads).transpose(0, 1) for t in (q, k, x)]
        context = scaled_dot_product_attention(*split).transpose(0, 1).reshape(-1, d)
        a = layer_norm(v + apply(w, own + "attention.output.dense", context), w, own + "attention.output.LayerNorm")
        hidden = gelu(apply(w, own + "intermediate.dense", a))
        v = layer_norm(a + apply(w, own + "output.dense", hidden), w, own + "output.LayerNorm")
    return v


def maxsim(query, passage):
    """Tokens of the query without the first and the last, each at its nearest token of the passage."""
    cosines = cosine_similarity(query[1:-1, None], passage[None], dim=-1)
    return cosines.max(1).values.mean()


def scores_of(model, w, shape, query, passages):
    """Each view's score of each passage of a list: [n, m]."""
    _, _, n_decoder, _, heads, _, m, _, _, cosine_scale, score_scale, maxsim_scale, maxsim_layer = shape
    vectors = torch.stack([run_views(w, shape, query, p) for p in passages])
    anchors = torch.stack([mvp_bert_anchor(w, vectors[:, k], n_decoder, heads) for k in range(m)])
    base = torch.stack([cosine_similarity(query[-1].mean(0), p[-1].mean(0), dim=0) for p in passages])
    near = torch.stack([maxsim(query[maxsim_layer], p[maxsim_layer]) for p in passages])
    base = cosine_scale * base + maxsim_scale * near
    return base[:, None] + score_scale * view_scores(vectors, anchors)


def main():
    torch.set_grad_enabled(False)
    print(f"# tools/golden_mvp_block.py, torch {torch.__version__}, transformers {transformers.__version__}, f64")
    print("# shape row, each view's score; shape-list row, the mean of the views' scores in a list of its own")
    for shape in SHAPES:
        name, n_layers, n_decoder, d, heads, ff, m, view_from = shape[:8]
        model, w = build_mvp_bert(n_layers, n_decoder, d, heads, ff, (m, view_from))
        query = states(model, ids_of(1000, QUERY_TOKENS[name]))
        lists = {name: [states(model, ids_of(r, n)) for r, n in enumerate(LENGTHS)],
                 name + "-list": [states(model, ids_of(r, 3 + r % 40)) for r in range(LONG_LIST)]}
        for which, passages in lists.items():
            scores = scores_of(model, w, shape, query, passages)
            for r, row in enumerate(scores if which == name else scores.mean(1, keepdim=True)):
                print(which, r, " ".join(f"{v:.9f}" for v in row.tolist()))


if __name__ == "__main__":
    main()
