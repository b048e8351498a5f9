"""Whether rrk computes what was trained: a model folder's scores in PyTorch, f32 and from the texts on, beside those
of `rrk rerank --strategy mvp` over the same lists. Lists are drawn from the pool; differences are absolute."""

import argparse
import json
import subprocess
from pathlib import Path

import torch

from . import data, mine
from .backbone import load_bert
from .model import MvpBert, MvpSettings
from .teachers import pad


def load_folder(folder: Path) -> MvpBert:
    """What export.py wrote, back as a model."""
    from safetensors.torch import load_file

    keys = json.loads((folder / "config.json").read_text())
    settings = MvpSettings(attention=keys["mvp_attention"], n_views=keys["n_views"],
                           decoder_layers=keys["mvp_decoder_layers"], score_scale=keys["mvp_score_scale"])
    if settings.attention == "block":
        settings.view_from, settings.view_kv = keys["mvp_view_from"], keys["mvp_view_kv"]
        settings.cosine_scale = keys["mvp_cosine_scale"]
        if keys.get("mvp_maxsim_scale"):
            settings.maxsim_layer, settings.maxsim_scale = keys["mvp_maxsim_layer"], keys["mvp_maxsim_scale"]
    model = MvpBert(load_bert(folder)[0], settings)
    found = {name: value for name, value in load_file(folder / "model.safetensors").items() if name.startswith("mvp.")}
    model.mvp.load_state_dict({name.removeprefix("mvp."): value for name, value in found.items()})
    return model.eval()


class TextScorer:
    """Scores of a list from its texts, as doc/mvp-bert.md says to make the blocks; for `block`."""

    max_query = 66  # with [CLS] and [SEP]

    def __init__(self, folder: Path, max_tokens: int):
        from tokenizers import BertWordPieceTokenizer

        self.model, self.max_tokens = load_folder(folder), max_tokens
        self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)

    def ids(self, texts: list[str], max_tokens: int) -> list[list[int]]:
        first, last = (self.tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]"))
        return [[first, *row.ids[: max_tokens - 2], last]
                for row in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def states(self, texts: list[str], max_tokens: int):
        ids, lengths = pad(self.ids(texts, max_tokens))
        return torch.stack(self.model.backbone.states(ids, lengths)[self.model.settings.view_from :], dim=2), lengths

    @torch.inference_mode()
    def scores(self, query: str, passages: list[str]) -> list[float]:
        parts = self.states([query], self.max_query), self.states(passages, self.max_tokens)
        return self.model.block(*parts, torch.tensor([len(passages)])).scores[0].tolist()


def rrk_scores(rrk: str, folder: Path, lists: list[dict], max_tokens: int, work: Path) -> dict:
    work.mkdir(parents=True, exist_ok=True)
    mine.write_lines(work / "lists.jsonl", lists)
    subprocess.run([rrk, "rerank", "--strategy", "mvp", "--model", folder, "--candidates", work / "lists.jsonl",
                    "--max-passage-tokens", str(max_tokens - 2), "-o", work / "run"], check=True)
    found: dict[str, dict] = {}
    for line in (work / "run").read_text().splitlines():
        qid, _, docid, _, score, _ = line.split()
        found.setdefault(qid, {})[docid] = float(score)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rrk", default="rrk")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--lists", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=128, help="of a passage")
    parser.add_argument("--bound", type=float, default=1e-4)
    options = parser.parse_args()
    pool = data.Pool.read(options.cache / "pool")
    mined = [one for one in mine.load(options.cache / "lists.npz") if pool.queries[one.query].split == "test"]
    lists = [{"qid": pool.queries[one.query].id, "query": pool.queries[one.query].text,
              "candidates": [{"docid": pool.passages[i].id, "score": 0.0, "text": pool.passages[i].text}
                             for i in one.passages[:40]]} for one in mined[:: len(mined) // options.lists]]
    scorer = TextScorer(options.model, options.tokens)
    found = rrk_scores(options.rrk, options.model, lists, options.tokens, options.work)
    worst = 0.0
    for one in lists:
        wanted = scorer.scores(one["query"], [c["text"] for c in one["candidates"]])
        worst = max(worst, *(abs(found[one["qid"]][c["docid"]] - score)
                             for c, score in zip(one["candidates"], wanted)))
    print(f"{len(lists)} lists, largest difference {worst:.2e}, bound {options.bound:.0e}")
    raise SystemExit(worst > options.bound)


if __name__ == "__main__":
    main()
