"""Writes a checkpoint as a model folder: config.json, model.safetensors in f32 under the names of doc/mvp-bert.md, and
the backbone's vocabulary. `rrk convert --dtype int8` makes the small one of it.

The calibration is a logistic fitted on the lists that choose: the share of relevant among candidates of a score."""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from . import config
from .backbone import load_bert
from .model import MvpBert
from .train import Data

COPIED = ("vocab.txt", "sentence_bert_config.json")
TOKENIZER = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "tokenize_chinese_chars": True,
             "strip_accents": None, "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]",
             "cls_token": "[CLS]", "mask_token": "[MASK]", "model_max_length": 512}
BACKBONE_KEYS = ("hidden_act", "hidden_size", "intermediate_size", "layer_norm_eps", "max_position_embeddings",
                 "model_type", "num_attention_heads", "num_hidden_layers", "pad_token_id", "type_vocab_size",
                 "vocab_size", "position_embedding_type")


def load(recipe: config.Recipe, backbone: str, checkpoint: Path | None) -> tuple[MvpBert, dict]:
    bert, about = load_bert(backbone)
    torch.manual_seed(recipe.training.seed)
    model = MvpBert(bert, recipe.model)
    if checkpoint:
        model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=False)["trained"], strict=False)
    return model.eval(), about


def fit_logistic(scores: np.ndarray, relevant: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Newton's method on two numbers; every query weighs the same."""
    slope, intercept = 1.0, 0.0
    mean, spread = scores.mean(), scores.std()
    x = (scores - mean) / spread
    design = np.stack([x, np.ones_like(x)])
    theta = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(theta @ design)))
        gradient = design @ (weights * (p - relevant)) + 1e-6 * theta
        hessian = (design * (weights * p * (1 - p))) @ design.T + 1e-6 * np.eye(2)
        theta = theta - np.linalg.solve(hessian, gradient)
    slope, intercept = theta[0] / spread, theta[1] - theta[0] * mean / spread
    return float(slope), float(intercept)


@torch.inference_mode()
def calibration(model: MvpBert, data: Data, limit: int = 300) -> tuple[float, float]:
    scores, relevant, weights = [], [], []
    for one in data.by_split["choose"][:: max(1, len(data.by_split["choose"]) // limit)]:
        pick = np.arange(len(one.passages))
        batch = data.batch([one], [pick], torch.float32)
        found = model.block(batch.query, batch.passages, batch.n_of, batch.cosine, batch.nearest)
        scores.append(found.scores[0].numpy())
        relevant.append(one.relevant)
        weights.append(np.full(len(pick), 1 / len(pick)))
    return fit_logistic(*(np.concatenate(part).astype(np.float64) for part in (scores, relevant, weights)))


def write_folder(model: MvpBert, about: dict, backbone: Path, out: Path, fitted: tuple[float, float] | None) -> None:
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    keys = {name: about[name] for name in BACKBONE_KEYS if name in about} | model.config_keys()
    if fitted:
        keys["mvp_calibration"] = [round(value, 6) for value in fitted]
    (out / "config.json").write_text(json.dumps(keys, indent=2, sort_keys=True) + "\n")
    # The format key is what Hugging Face's loaders ask for.
    save_file(model.tensors(), out / "model.safetensors", metadata={"format": "pt"})
    (out / "tokenizer_config.json").write_text(json.dumps(TOKENIZER) + "\n")
    for name in COPIED:
        shutil.copyfile(backbone / name, out / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, help="left out: the untrained model")
    parser.add_argument("--cache", type=Path, help="for the calibration; left out: none is written")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    recipe = config.read(options.config, options.set)
    model, about = load(recipe, options.backbone, options.checkpoint)
    fitted = calibration(model, Data(recipe, options.cache)) if options.cache else None
    write_folder(model, about, options.backbone, options.out, fitted)
    print(f"{options.out}: {sum(value.numel() for value in model.tensors().values()):,} parameters, {fitted=}")


if __name__ == "__main__":
    main()
