"""A run of an MVP model over a BEIR set in PyTorch, from states computed once a passage: rrk reads a passage anew for
every query that has it among its candidates, which on two cores takes hours where this takes minutes. evaluate.py
takes a run that lies in its place. parity.py says how far the two are apart."""

import argparse
from pathlib import Path

import torch

from . import data, states
from .parity import TextScorer
from .prepare import Progress


def read_run(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        qid, _, docid, *_ = line.split()
        found.setdefault(qid, []).append(docid)
    return found


def kept_states(scorer: TextScorer, passages: dict[str, str], folder: Path) -> states.States:
    if not states.finished(folder):
        rows = scorer.ids(list(passages.values()), scorer.max_tokens)
        first = scorer.model.settings.view_from
        states.compute(scorer.model.backbone, rows, folder, first, progress=Progress("states", sum(map(len, rows))))
    return states.States(folder)


@torch.inference_mode()
def rank(scorer: TextScorer, queries: dict[str, str], passages: dict[str, str], run: dict, kept: states.States):
    """(qid, docid, score), best first a query."""
    number = {docid: i for i, docid in enumerate(passages)}
    progress = Progress("queries", len(run))
    for qid, docids in run.items():
        found, lengths = kept.gather([number[docid] for docid in docids])
        scores = scorer.model.block(scorer.states([queries[qid]], scorer.max_query), (found.float(), lengths),
                                    torch.tensor([len(docids)])).scores[0].tolist()
        progress(1)
        yield from ((qid, docid, score) for score, docid in sorted(zip(scores, docids), key=lambda x: -x[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--set", type=Path, required=True, help="corpus.jsonl and queries.jsonl")
    parser.add_argument("--run", type=Path, required=True, help="the candidates")
    parser.add_argument("--states", type=Path, required=True, help="kept here; good for every model of one backbone")
    parser.add_argument("--tokens", type=int, default=256, help="of a passage")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    scorer = TextScorer(options.model, options.tokens)
    run = read_run(options.run)
    wanted = {docid for docids in run.values() for docid in docids}
    passages = {row["_id"]: f"{row.get('title', '')} {row['text']}".strip()
                for row in data.read_jsonl(options.set / "corpus.jsonl") if row["_id"] in wanted}
    queries = {row["_id"]: row["text"] for row in data.read_jsonl(options.set / "queries.jsonl") if row["_id"] in run}
    kept = kept_states(scorer, passages, options.states)
    rank_of: dict[str, int] = {}
    with open(options.output, "w") as out:
        for qid, docid, score in rank(scorer, queries, passages, run, kept):
            rank_of[qid] = rank_of.get(qid, 0) + 1
            out.write(f"{qid} Q0 {docid} {rank_of[qid]} {score:.6f} mvp\n")


if __name__ == "__main__":
    main()
