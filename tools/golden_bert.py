#!/usr/bin/env python3
"""Writes tests/encoder/golden/bert.txt: what PyTorch gives for the tiny models of tests/encoder/tiny_model.c.

Weights and token ids come from the same counter-based generator as in base/rng.c, in numpy; the model is transformers'
in double precision. Needs numpy, torch and transformers.

    python tools/golden_bert.py > tests/encoder/golden/bert.txt
"""
import numpy as np
import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification, BertModel

SHAPES = [("embedding", 3, 64, 4, 128, "gelu", False), ("cross", 3, 64, 4, 128, "gelu", True),
          ("odd", 2, 48, 2, 100, "gelu_new", True)]
VOCAB, POSITIONS = 1000, 160
LENGTHS = [3, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9]
U = np.uint64


def rng(seed, counters):
    with np.errstate(over="ignore"):
        z = U(seed) * U(0xd1342543de82ef95) + (counters.astype(U) + U(1)) * U(0x9e3779b97f4a7c15)
        z = (z ^ z >> U(30)) * U(0xbf58476d1ce4e5b9)
        z = (z ^ z >> U(27)) * U(0x94d049bb133111eb)
        return z ^ z >> U(31)


def uniform(seed, n):
    return (rng(seed, np.arange(n)) >> U(11)).astype(np.float64) * 2.0 ** -53


class Weights:
    def __init__(self):
        self.state, self.n = {}, 0

    def add(self, name, kind, *shape):
        u = (2 * uniform(1000 + self.n, int(np.prod(shape))) - 1) * np.sqrt(3.0)
        self.n += 1
        scale = {"matrix": lambda: u / np.sqrt(shape[-1]), "classifier": lambda: 3 * u / np.sqrt(shape[-1]),
                 "gain": lambda: 1 + 0.1 * u, "shift": lambda: 0.1 * u, "table": lambda: u}
        values = scale[kind]().astype(np.float32).astype(np.float64)
        self.state[name] = torch.from_numpy(values.reshape(shape))

    def linear(self, name, n_out, n_in):
        self.add(name + ".weight", "classifier" if name == "classifier" else "matrix", n_out, n_in)
        self.add(name + ".bias", "shift", n_out)

    def norm(self, name, d):
        self.add(name + ".weight", "gain", d)
        self.add(name + ".bias", "shift", d)


def add_body(w, prefix, n_layers, d, ff, positions, types):
    for table, rows in (("word", VOCAB), ("position", positions), ("token_type", types)):
        w.add(f"{prefix}embeddings.{table}_embeddings.weight", "table", rows, d)
    w.norm(prefix + "embeddings.LayerNorm", d)
    for i in range(n_layers):
        layer = f"{prefix}encoder.layer.{i}."
        for part in ("query", "key", "value"):
            w.linear(layer + "attention.self." + part, d, d)
        w.linear(layer + "attention.output.dense", d, d)
        w.norm(layer + "attention.output.LayerNorm", d)
        w.linear(layer + "intermediate.dense", ff, d)
        w.linear(layer + "output.dense", d, ff)
        w.norm(layer + "output.LayerNorm", d)


def load(model, w):
    model = model.double().eval()
    missing, unexpected = model.load_state_dict(w.state, strict=False)
    assert not unexpected and all("position_ids" in m for m in missing), (missing, unexpected)
    return model


def row_ids(r, n):
    return 5 + (rng(7, np.arange(n) + r * 1000) % U(VOCAB - 5)).astype(np.int64)


def build(n_layers, d, n_heads, ff, activation, cross):
    prefix, w = "bert." if cross else "", Weights()
    add_body(w, prefix, n_layers, d, ff, POSITIONS, 2)
    if cross:
        w.linear(prefix + "pooler.dense", d, d)
        w.linear("classifier", 1, d)
    config = BertConfig(vocab_size=VOCAB, hidden_size=d, num_hidden_layers=n_layers, num_attention_heads=n_heads,
                        intermediate_size=ff, hidden_act=activation, max_position_embeddings=POSITIONS,
                        type_vocab_size=2, layer_norm_eps=1e-12, num_labels=1)
    return load(BertForSequenceClassification(config) if cross else BertModel(config, add_pooling_layer=False), w)


def main():
    print(f"# tools/golden_bert.py, torch {torch.__version__}, transformers {transformers.__version__}, f64")
    print("# shape row values: the first 8 of a normalised embedding, or the logit")
    for name, *shape, cross in SHAPES:
        model = build(*shape, cross)
        for r, n in enumerate(LENGTHS):
            ids = row_ids(r, n)
            types = (np.arange(n) >= n // 2).astype(np.int64) if cross else np.zeros(n, np.int64)
            with torch.no_grad():
                out = model(input_ids=torch.from_numpy(ids)[None], token_type_ids=torch.from_numpy(types)[None])
            values = out.logits[0] if cross else \
                torch.nn.functional.normalize(out.last_hidden_state[0].mean(0), dim=0)[:8]
            print(name, r, " ".join(f"{v:.9f}" for v in values.tolist()))


if __name__ == "__main__":
    main()
