#!/usr/bin/env python3
"""Writes tests/encoder/golden/xlmr.txt: what PyTorch gives for the tiny XLM-RoBERTa models of tests/encoder/tiny_model.c.

Rows of given ids as in golden_bert.py, and lists of texts through the tokenizer that tests/encoder/tiny_writer.c writes,
run by the `tokenizers` package. The models are transformers' in double precision. Needs numpy, tokenizers, torch and
transformers.

    python tools/golden_xlmr.py > tests/encoder/golden/xlmr.txt
"""
import json

import numpy as np
import tokenizers
import torch
import transformers
from golden_bert import LENGTHS, POSITIONS, U, VOCAB, Weights, add_body, load, rng, row_ids
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification, XLMRobertaModel

SHAPES = [("xlmr", 3, 64, 4, 128, False), ("xlmr-cross", 3, 64, 4, 128, True), ("xlmr-odd", 2, 48, 2, 100, True)]
FIRST_POSITION = 2
SEED, N_PASSAGES, MAX_WORDS, FIRST_WORD, N_WORDS = 20261124, 40, 60, 5, 990
QUERY = "word30 word31 word500"
MARK = "\u2581"


def build(n_layers, d, n_heads, ff, cross):
    prefix, w = "roberta." if cross else "", Weights()
    add_body(w, prefix, n_layers, d, ff, POSITIONS + FIRST_POSITION, 1)
    if cross:
        w.linear("classifier.dense", d, d)
        w.add("classifier.out_proj.weight", "classifier", 1, d)
        w.add("classifier.out_proj.bias", "shift", 1)
    config = XLMRobertaConfig(vocab_size=VOCAB, hidden_size=d, num_hidden_layers=n_layers, num_attention_heads=n_heads,
                              intermediate_size=ff, hidden_act="gelu", type_vocab_size=1, layer_norm_eps=1e-5,
                              max_position_embeddings=POSITIONS + FIRST_POSITION, pad_token_id=1, num_labels=1)
    return load(XLMRobertaForSequenceClassification(config) if cross else
                XLMRobertaModel(config, add_pooling_layer=False), w)


def tokenizer():
    specials = [(0, "<s>"), (1, "<pad>"), (2, "</s>"), (3, "<unk>"), (VOCAB - 1, "<mask>")]
    vocab = [[name, 0] for _, name in specials[:4]] + [[MARK, -2]] + \
            [[f"{MARK}word{i}", -1] for i in range(5, VOCAB - 1)] + [["<mask>", 0]]
    special, text = (lambda name: {"SpecialToken": {"id": name, "type_id": 0}},
                     lambda name: {"Sequence": {"id": name, "type_id": 0}})
    return tokenizers.Tokenizer.from_str(json.dumps({
        "version": "1.0", "normalizer": None, "decoder": None, "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": name, "special": True, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False} for i, name in specials],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": True}]},
        "post_processor": {
            "type": "TemplateProcessing", "single": [special("<s>"), text("A"), special("</s>")],
            "pair": [special("<s>"), text("A"), special("</s>"), special("</s>"), text("B"), special("</s>")],
            "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]} for i, name in specials[:3:2]}},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab}}))


def passage(i):
    """As in tests/rerank/models.c; every third text has a word that the vocabulary lacks."""
    n = 1 + int(rng(SEED, np.array([i]))[0] % U(MAX_WORDS))
    words = [f"word{FIRST_WORD + int(v % U(N_WORDS))}" for v in rng(SEED + 1 + i, np.arange(n))]
    return " ".join(words + ["Wort"] * (i % 3 == 0))


def run(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor(ids)[None])


def normalise(vector):
    return torch.nn.functional.normalize(vector, dim=0)


def print_rows(name, model, cross):
    for r, n in enumerate(LENGTHS):
        out = run(model, row_ids(r, n))
        values = out.logits[0] if cross else normalise(out.last_hidden_state[0].mean(0))[:8]
        print(name, r, " ".join(f"{v:.9f}" for v in values.tolist()))


def print_list(name, model, cross):
    """Of each passage: its logit, or its dot product with the query; [CLS] vectors after the prompts "query: " and
    "passage: "."""
    split = tokenizer()
    embed = lambda text: normalise(run(model, split.encode(text).ids).last_hidden_state[0, 0])
    for i in range(N_PASSAGES):
        if cross:
            score = run(model, split.encode(QUERY, passage(i)).ids).logits[0, 0]
        else:
            score = embed("query: " + QUERY) @ embed("passage: " + passage(i))
        print(f"{name}-list", i, f"{score.item():.9f}")


def main():
    print(f"# tools/golden_xlmr.py, torch {torch.__version__}, transformers {transformers.__version__}, "
          f"tokenizers {tokenizers.__version__}, f64")
    print("# shape row values: the first 8 of a normalised mean, or the logit")
    print("# shape-list passage score")
    for name, *shape, cross in SHAPES:
        model = build(*shape, cross)
        print_rows(name, model, cross)
        print_list(name, model, cross)


if __name__ == "__main__":
    main()
