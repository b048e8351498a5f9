#!/usr/bin/env python3
"""Writes checkpoints whose speed is a real model's and whose outputs are spread, for timing what cannot be shipped.

    random_models.py cross --body MINILM_DIR OUT             that BERT with a random pooler and classifier of one label
    random_models.py mvp --tokenizer TOKENIZER.json OUT      T5-base with four views, every weight random
    random_models.py monot5 --tokenizer TOKENIZER.json OUT   the same as a plain T5

Weights are uniform, scaled by the number of inputs, so that activations keep their size through all layers. Needs numpy
and safetensors. The same seed gives the same files.
"""
import argparse
import json
import os
import shutil

import numpy as np
from safetensors.numpy import load_file, save_file

T5_BASE = {"d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12, "num_decoder_layers": 12, "num_heads": 12,
           "vocab_size": 32128, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
           "layer_norm_epsilon": 1e-6, "feed_forward_proj": "relu", "tie_word_embeddings": True, "model_type": "t5",
           "architectures": ["T5ForConditionalGeneration"], "decoder_start_token_id": 0, "pad_token_id": 0,
           "eos_token_id": 1}
rng = np.random.default_rng(7)


def uniform(shape, deviation):
    return (rng.random(shape, dtype=np.float32) * 2 - 1) * np.float32(deviation * np.sqrt(3))


def matrix(n_out, n_in, factor=1.0):
    return uniform((n_out, n_in), factor / np.sqrt(n_in))


def add_stack(tensors, stack, c):
    d, inner = c["d_model"], c["num_heads"] * c["d_kv"]
    attentions = ["SelfAttention", "EncDecAttention"] if stack == "decoder" else ["SelfAttention"]
    for i in range(c["num_layers" if stack == "encoder" else "num_decoder_layers"]):
        for j, name in enumerate(attentions):
            layer = f"{stack}.block.{i}.layer.{j}."
            for part in "qkv":
                tensors[f"{layer}{name}.{part}.weight"] = matrix(inner, d, c["d_kv"] ** -0.5 if part == "q" else 1)
            tensors[f"{layer}{name}.o.weight"] = matrix(d, inner)
            if i == 0 and j == 0:
                buckets = c["relative_attention_num_buckets"]
                tensors[f"{layer}{name}.relative_attention_bias.weight"] = uniform((buckets, c["num_heads"]), 1)
            tensors[f"{layer}layer_norm.weight"] = 1 + uniform(d, 0.1)
        layer = f"{stack}.block.{i}.layer.{len(attentions)}."
        tensors[f"{layer}DenseReluDense.wi.weight"] = matrix(c["d_ff"], d)
        tensors[f"{layer}DenseReluDense.wo.weight"] = matrix(d, c["d_ff"])
        tensors[f"{layer}layer_norm.weight"] = 1 + uniform(d, 0.1)
    tensors[f"{stack}.final_layer_norm.weight"] = 1 + uniform(d, 0.1)


def write(out, config, tensors):
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)
    save_file(tensors, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})


def write_t5(args, views):
    config = dict(T5_BASE, **({"n_views": 4} if views else {}))
    tensors = {"shared.weight": uniform((config["vocab_size"], config["d_model"]), 1)}
    add_stack(tensors, "encoder", config)
    add_stack(tensors, "decoder", config)
    shutil.copy(args.tokenizer, os.path.join(args.out, "tokenizer.json"))
    write(args.out, config, tensors)


def write_cross(args):
    for name in os.listdir(args.body):
        if os.path.isfile(os.path.join(args.body, name)) and "sentence" not in name and name != "modules.json":
            shutil.copy(os.path.join(args.body, name), args.out)
    with open(os.path.join(args.body, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    body = load_file(os.path.join(args.body, "model.safetensors"))
    d = config["hidden_size"]
    tensors = {"bert." + k.removeprefix("bert."): v for k, v in body.items() if "pooler" not in k}
    tensors["bert.pooler.dense.weight"], tensors["bert.pooler.dense.bias"] = matrix(d, d), uniform(d, 0.1)
    tensors["classifier.weight"], tensors["classifier.bias"] = matrix(1, d, 3), np.zeros(1, np.float32)
    config.update(architectures=["BertForSequenceClassification"], id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
    write(args.out, config, tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=["cross", "mvp", "monot5"])
    parser.add_argument("out")
    parser.add_argument("--body", help="the BERT whose layers a cross-encoder takes")
    parser.add_argument("--tokenizer", help="a T5's tokenizer.json")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    if args.kind == "cross":
        write_cross(args)
    else:
        write_t5(args, args.kind == "mvp")


if __name__ == "__main__":
    main()
