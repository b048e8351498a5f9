#!/usr/bin/env python3
"""Writes tests/encoder/golden/t5.txt: what transformers gives for the tiny models of tests/encoder/tiny_t5.c.

Weights and token ids come from the same counter-based generator as in base/rng.c, in numpy; the models are transformers'
own modules in double precision, put together for MVP as its paper has them; MVP on BERT is plain PyTorch on transformers'
BertModel. Needs numpy, torch and transformers.

    python tools/golden_t5.py > tests/encoder/golden/t5.txt
"""
import numpy as np
import torch
import transformers
from golden_bert import U, rng, uniform
from transformers import BertConfig, BertModel, T5Config, T5EncoderModel, T5ForConditionalGeneration

# name, head, layers, decoder layers, d_model, heads, d_kv, d_ff, feed_forward_proj, tied
SHAPES = [("v10", "embedding", 3, 0, 64, 4, 16, 128, "relu", True),
          ("v11", "embedding", 2, 0, 48, 3, 24, 100, "gated-gelu", False),  # 72 columns of heads
          ("mono10", "seq2seq", 2, 2, 64, 4, 16, 128, "relu", True),
          ("mono11", "seq2seq", 2, 3, 48, 3, 24, 100, "gated-gelu", False),
          ("mvp10", "views", 2, 2, 64, 4, 16, 128, "relu", True),
          ("mvp11", "views", 3, 2, 48, 3, 24, 100, "gated-gelu", False),
          ("mvpbert", "views", 3, 2, 64, 4, 16, 128, "gelu", False),
          ("base", "views", 1, 1, 768, 12, 64, 3072, "relu", True),  # one layer of t5-base
          ("large", "views", 1, 1, 1024, 16, 64, 2816, "gated-gelu", False),  # of flan-t5-large
          ("3b", "views", 1, 1, 1024, 32, 128, 16384, "relu", True)]  # and of t5-3b
VOCAB, POSITIONS, N_VIEWS = 1000, 260, 4
LENGTHS = [5, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9, 200, 250]
ANSWERS = [117, 613, 208]


class Weights:
    def __init__(self):
        self.state, self.n = {}, 0

    def add(self, name, kind, *shape):
        u = (2 * uniform(5000 + self.n, int(np.prod(shape))) - 1) * np.sqrt(3.0)
        self.n += 1
        scale = {"matrix": lambda: u / np.sqrt(shape[-1]), "query": lambda: u / np.sqrt(shape[-1] * 16.0),
                 "head": lambda: 3 * u / np.sqrt(shape[-1]), "gain": lambda: 1 + 0.1 * u, "shift": lambda: 0.1 * u,
                 "table": lambda: u}
        values = scale[kind]().astype(np.float32).astype(np.float64)
        self.state[name] = torch.from_numpy(values.reshape(shape))


def add_t5_stack(w, stack, n_layers, d, heads, d_kv, ff, gated, decoder):
    inner = heads * d_kv
    attentions = ["SelfAttention", "EncDecAttention"] if decoder else ["SelfAttention"]
    for i in range(n_layers):
        for j, attention in enumerate(attentions):
            layer = f"{stack}.block.{i}.layer.{j}."
            for part in "qkv":
                w.add(f"{layer}{attention}.{part}.weight", "query" if part == "q" else "matrix", inner, d)
            w.add(f"{layer}{attention}.o.weight", "matrix", d, inner)
            if i == 0 and j == 0:
                w.add(f"{layer}{attention}.relative_attention_bias.weight", "table", 32, heads)
            w.add(f"{layer}layer_norm.weight", "gain", d)
        layer = f"{stack}.block.{i}.layer.{len(attentions)}."
        for part in ("wi_0", "wi_1") if gated else ("wi",):
            w.add(f"{layer}DenseReluDense.{part}.weight", "matrix", ff, d)
        w.add(f"{layer}DenseReluDense.wo.weight", "matrix", d, ff)
        w.add(f"{layer}layer_norm.weight", "gain", d)
    w.add(f"{stack}.final_layer_norm.weight", "gain", d)


def build_t5(head, n_layers, n_decoder, d, heads, d_kv, ff, proj, tied):
    w = Weights()
    w.add("shared.weight", "table", VOCAB, d)
    add_t5_stack(w, "encoder", n_layers, d, heads, d_kv, ff, proj != "relu", False)
    if n_decoder:
        add_t5_stack(w, "decoder", n_decoder, d, heads, d_kv, ff, proj != "relu", True)
    if n_decoder and not tied:
        w.add("lm_head.weight", "head", VOCAB, d)
    config = T5Config(vocab_size=VOCAB, d_model=d, d_kv=d_kv, d_ff=ff, num_layers=n_layers,
                      num_decoder_layers=n_decoder or n_layers, num_heads=heads, feed_forward_proj=proj,
                      tie_word_embeddings=tied, decoder_start_token_id=0)
    model = (T5ForConditionalGeneration if n_decoder else T5EncoderModel)(config).double().eval()
    if n_decoder and not tied:
        # transformers 5 ties what the checkpoint does not.
        model.lm_head = torch.nn.Linear(d, VOCAB, bias=False).double()
    missing, unexpected = model.load_state_dict(w.state, strict=False)
    assert not unexpected and all("embed_tokens" in m or tied and "lm_head" in m for m in missing), (missing, unexpected)
    return model


def layer_norm(x, w, name):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], 1e-12)


def build_mvp_bert(n_layers, n_decoder, d, heads, ff, views=(0, 0)):
    """BertModel and the tensors of the head; views: how many of the block layout, and their layers from which on."""
    w = Weights()

    def linear(name, n_out, n_in):
        w.add(name + ".weight", "matrix", n_out, n_in)
        w.add(name + ".bias", "shift", n_out)

    def norm(name):
        w.add(name + ".weight", "gain", d)
        w.add(name + ".bias", "shift", d)

    def add_layer(layer):
        for part in ("query", "key", "value"):
            linear(layer + "attention.self." + part, d, d)
        linear(layer + "attention.output.dense", d, d)
        norm(layer + "attention.output.LayerNorm")
        linear(layer + "intermediate.dense", ff, d)
        linear(layer + "output.dense", d, ff)
        norm(layer + "output.LayerNorm")

    for table, rows in (("word", VOCAB), ("position", POSITIONS), ("token_type", 2)):
        w.add(f"embeddings.{table}_embeddings.weight", "table", rows, d)
    norm("embeddings.LayerNorm")
    for i in range(n_layers):
        add_layer(f"encoder.layer.{i}.")
    w.add("mvp.start", "table", d)
    for i in range(n_decoder):
        layer = f"mvp.decoder.{i}."
        for part in ("query", "key", "value", "output"):
            linear(layer + "cross." + part, d, d)
        norm(layer + "cross_norm")
        linear(layer + "ffn.in", ff, d)
        linear(layer + "ffn.out", d, ff)
        norm(layer + "ffn_norm")
    if views[0]:
        w.add("mvp.views", "table", views[0], d)
        for i in range(views[1], n_layers):
            add_layer(f"mvp.view_layer.{i}.")
    config = BertConfig(vocab_size=VOCAB, hidden_size=d, num_hidden_layers=n_layers, num_attention_heads=heads,
                        intermediate_size=ff, hidden_act="gelu", max_position_embeddings=POSITIONS, type_vocab_size=2,
                        layer_norm_eps=1e-12)
    model = BertModel(config, add_pooling_layer=False).double().eval()
    missing, unexpected = model.load_state_dict({k: v for k, v in w.state.items() if "mvp" not in k}, strict=False)
    assert not unexpected and all("position_ids" in m for m in missing), (missing, unexpected)
    return model, w.state


def mvp_bert_anchor(w, e, n_decoder, heads):
    """e [n, d] of one view -> its anchor [d]."""
    x, d_head = w["mvp.start"], e.shape[-1] // heads
    for i in range(n_decoder):
        def apply(name, y, layer=f"mvp.decoder.{i}."):
            return torch.nn.functional.linear(y, w[f"{layer}{name}.weight"], w[f"{layer}{name}.bias"])
        q, k, v = apply("cross.query", x), apply("cross.key", e), apply("cross.value", e)
        split = [t.reshape(-1, heads, d_head).transpose(0, 1) for t in (q, k, v)]
        attended = torch.nn.functional.scaled_dot_product_attention(*split)
        x = layer_norm(x + apply("cross.output", attended.transpose(0, 1).reshape(-1)), w, f"mvp.decoder.{i}.cross_norm")
        x = layer_norm(x + apply("ffn.out", torch.nn.functional.gelu(apply("ffn.in", x))), w, f"mvp.decoder.{i}.ffn_norm")
    return x


def row_of(r, first=5):
    return torch.from_numpy(first + (rng(7, np.arange(LENGTHS[r]) + r * 1000) % U(VOCAB - first)).astype(np.int64))[None]


def show(name, row, values):
    print(name, row, " ".join(f"{v:.9f}" for v in values.flatten().tolist()))


def view_scores(vectors, anchors):
    """vectors [n, m, d], anchors [m, d] -> [n, m]."""
    return torch.einsum("nmd,md->nm", vectors, anchors)


def main():
    torch.set_grad_enabled(False)
    print(f"# tools/golden_t5.py, torch {torch.__version__}, transformers {transformers.__version__}, f64")
    print("# shape row values: the first 8 of a normalised mean of the states, the answers' logits, the views' scores")
    for name, head, *shape in SHAPES:
        n_layers, n_decoder, d, heads, d_kv, ff, proj, tied = shape
        if name == "mvpbert":
            model, w = build_mvp_bert(n_layers, n_decoder, d, heads, ff)
            vectors = torch.cat([model(input_ids=row_of(r), token_type_ids=(torch.arange(n) >= n // 2).long()[None])
                                 .last_hidden_state[:, 1:N_VIEWS + 1] for r, n in enumerate(LENGTHS)])
            anchors = torch.stack([mvp_bert_anchor(w, vectors[:, k], n_decoder, heads) for k in range(N_VIEWS)])
            for r, scores in enumerate(view_scores(vectors, anchors) / d ** 0.5):
                show(name, r, scores)
            continue
        model = build_t5(head, *shape)
        if head == "embedding":
            for r in range(len(LENGTHS)):
                mean = model(input_ids=row_of(r)).last_hidden_state[0].mean(0)
                show(name, r, torch.nn.functional.normalize(mean, dim=0)[:8])
        elif head == "seq2seq":
            for r in range(len(LENGTHS)):
                logits = model(input_ids=row_of(r), decoder_input_ids=torch.zeros(1, 1, dtype=torch.long)).logits
                show(name, r, logits[0, 0, ANSWERS])
        else:
            vectors = torch.cat([model.encoder(input_ids=row_of(r)).last_hidden_state[:, :N_VIEWS]
                                 for r in range(len(LENGTHS))])
            anchors = model.decoder(input_ids=torch.zeros(N_VIEWS, 1, dtype=torch.long),
                                    encoder_hidden_states=vectors.transpose(0, 1)).last_hidden_state[:, 0]
            for r, scores in enumerate(view_scores(vectors, anchors)):
                show(name, r, scores)


if __name__ == "__main__":
    main()
