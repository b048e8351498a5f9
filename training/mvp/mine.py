"""Candidate lists: what BM25 finds (through `rrk`) and the teachers' neighbours, with every score a teacher has for
them. A list is kept as ids and numbers, so mining is done once a pool.

False negatives: a candidate that is not marked positive but that the teachers together place above the positive by a
margin is probably an unmarked answer; it keeps its teacher scores and is left out of what the labels push down."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .data import Pool, Query


@dataclass
class CandidateList:
    query: int  # number in the pool
    passages: np.ndarray  # numbers in the pool, int32 [n]
    scores: np.ndarray  # f32 [n, 3]: bm25 (0: not found), minilm, e5
    relevant: np.ndarray  # bool [n]
    counted: np.ndarray  # bool [n]: not a likely false negative


def bm25(rrk: str, pool: Pool, source: str, queries: list[Query], folder: Path, top_k: int) -> dict[str, dict]:
    """{query id: {passage id: score}} of rrk's BM25 over the passages of one source."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus, asked, run = (folder / f"{source}.{part}" for part in ("corpus.jsonl", "queries.jsonl", "run"))
    if not run.exists():
        write_lines(corpus, ({"_id": p.id, "title": "", "text": p.text} for p in pool.passages if p.source == source))
        write_lines(asked, ({"_id": q.id, "text": q.text} for q in queries))
        store = folder / f"{source}.rrk"
        subprocess.run([rrk, "import", "--store", store, "--format", "beir", corpus], check=True)
        subprocess.run([rrk, "retrieve", "--store", store, "--queries", asked, "-k", str(top_k), "-o", run], check=True)
    found: dict[str, dict] = {}
    for line in run.read_text().splitlines():
        qid, _, docid, _, score, _ = line.split()
        found.setdefault(qid, {})[docid] = float(score)
    return found


def write_lines(path: Path, rows) -> None:
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def nearest(scores: np.ndarray, n: int) -> np.ndarray:
    n = min(n, len(scores))
    return np.argpartition(-scores, n - 1)[:n]


def candidates_of(bm25_scores: np.ndarray, vectors: list[np.ndarray], n_each: int, left_out: set[int]) -> np.ndarray:
    """Passage numbers within the source: the best n_each of every way of looking, each once."""
    chosen: set[int] = set()
    for scores in [bm25_scores, *vectors]:
        chosen.update(int(i) for i in nearest(scores, n_each) if scores[i] > 0)
    return np.array(sorted(chosen - left_out), np.int64)


def false_negatives(scores: np.ndarray, relevant: np.ndarray, margin: float) -> np.ndarray:
    """True where minilm and e5 (columns 1 and 2; e5 if it was asked), each scaled to its spread in the list, agree
    that an unmarked candidate beats the best positive by `margin` spreads."""
    if not relevant.any():
        return np.zeros(len(scores), bool)
    judges = scores[:, 1:][:, scores[:, 1:].any(0)]
    spread = judges.std(0) + 1e-6
    above = (judges - judges[relevant].max(0)) / spread
    return (above.min(1) > margin) & ~relevant


def mine(rrk: str, pool: Pool, vectors: dict, folder: Path, settings: dict) -> list[CandidateList]:
    """vectors: {teacher: (query vectors, {source: passage vectors})}, rows in the pool's order."""
    lists = []
    for source in sorted({p.source for p in pool.passages}):
        numbers = [i for i, p in enumerate(pool.passages) if p.source == source]
        local = {pool.passages[i].id: at for at, i in enumerate(numbers)}
        asked = [i for i, q in enumerate(pool.queries) if q.source == source]
        found = bm25(rrk, pool, source, [pool.queries[i] for i in asked], folder, settings["bm25_depth"])
        for i in asked:
            lists.append(_list_of(pool.queries[i], i, found.get(pool.queries[i].id, {}), local, np.array(numbers),
                                  [(q[i], p[source]) for q, p in vectors.values()], settings))
    return [one for one in lists if one is not None]


def _list_of(query, number, found, local, numbers, vectors, settings) -> CandidateList | None:
    lexical = np.zeros(len(numbers), np.float32)
    for docid, score in found.items():
        lexical[local[docid]] = score
    dense = [passages @ vector for vector, passages in vectors]
    left_out = {local[p] for p in query.left_out}
    # What chooses and tests is reranked as users do it: the candidates are BM25's and no other's.
    looks, n_each = (dense, settings["n_each"]) if query.split == "train" else ([], settings["bm25_depth"])
    chosen = candidates_of(lexical, looks, n_each, left_out)
    positives = [local[p] for p in query.positives]
    if query.split == "train":
        chosen = np.union1d(chosen, np.array(positives, np.int64))
    if len(chosen) < 8:
        return None
    scores = np.stack([lexical[chosen], *(d[chosen] for d in dense)], axis=1)
    relevant = np.isin(chosen, positives)
    counted = ~false_negatives(scores, relevant, settings["false_negative_margin"])
    return CandidateList(number, numbers[chosen].astype(np.int32), scores.astype(np.float32), relevant, counted)


def save(path: Path, lists: list[CandidateList]) -> None:
    ends = np.cumsum([len(one.passages) for one in lists])
    np.savez(path, ends=ends, query=np.array([one.query for one in lists]),
             **{name: np.concatenate([getattr(one, name) for one in lists])
                for name in ("passages", "scores", "relevant", "counted")})


def load(path: Path) -> list[CandidateList]:
    with np.load(path) as file:
        cuts = file["ends"][:-1]
        parts = [np.split(file[name], cuts) for name in ("passages", "scores", "relevant", "counted")]
        return [CandidateList(int(q), *row) for q, row in zip(file["query"], zip(*parts))]
