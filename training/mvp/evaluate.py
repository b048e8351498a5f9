"""The table of the model card, made by `rrk` alone: BM25, the embedding model and an MVP model over the same top 100,
nDCG@10 by `rrk eval`. Run it once, at the end: nothing may be chosen by these sets."""

import argparse
import json
import re
import subprocess
from pathlib import Path

from . import data, mine


def rrk_ndcg(rrk: str, qrels: Path, run: Path) -> float:
    text = subprocess.run([rrk, "eval", "-m", "ndcg_cut_10", "-c", str(qrels), str(run)], check=True,
                          capture_output=True, text=True).stdout
    return float(re.search(r"ndcg_cut_10\s+all\s+([0-9.]+)", text)[1])


class Set:
    """A set is candidates for `rrk rerank`, however it came by them, and judgements."""

    def __init__(self, name: str, work: Path):
        self.name, self.work = name, work / name
        self.work.mkdir(parents=True, exist_ok=True)
        self.candidates: list[str] = []
        self.qrels = self.bm25 = Path()

    @classmethod
    def dl19(cls, root: Path, work: Path) -> "Set":
        one = cls("dl19", work)
        one.candidates = ["--candidates", str(root / "dl19/candidates.bm25.jsonl")]
        one.qrels, one.bm25 = root / "dl19/qrels.txt", root / "dl19/run.bm25.txt"
        return one

    @classmethod
    def beir(cls, rrk: str, name: str, folder: Path, qrels: Path, work: Path) -> "Set":
        one = cls(name, work)
        one.qrels = qrels
        store, one.bm25 = one.work / "store.rrk", one.work / "bm25.run"
        queries = str(folder / "queries.jsonl")
        if not one.bm25.exists():
            subprocess.run([rrk, "import", "--store", store, "--format", "beir", folder / "corpus.jsonl"], check=True)
            subprocess.run([rrk, "retrieve", "--store", store, "--queries", queries, "--qrels", qrels, "-k", "100",
                            "-o", one.bm25], check=True)
        one.candidates = ["--store", str(store), "--run", str(one.bm25), "--queries", queries]
        return one

    @classmethod
    def held_out(cls, rrk: str, pool: data.Pool, source: str, work: Path) -> "Set":
        """The questions of groups that neither trained nor chose, over all of the source's passages in the pool."""
        folder = work / source
        folder.mkdir(parents=True, exist_ok=True)
        asked = [q for q in pool.queries if q.source == source and q.split == "test"]
        mine.write_lines(folder / "corpus.jsonl", ({"_id": p.id, "title": "", "text": p.text} for p in pool.passages
                                                   if p.source == source))
        mine.write_lines(folder / "queries.jsonl", ({"_id": q.id, "text": q.text} for q in asked))
        lines = [f"{q.id}\t{docid}\t1\n" for q in asked for docid in q.positives]
        (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
        return cls.beir(rrk, source, folder, folder / "qrels.tsv", work)

    def rerank(self, rrk: str, label: str, strategy: str, model: str, extra: list[str]) -> float:
        run = self.work / f"{label}.run"
        if not run.exists():
            subprocess.run([rrk, "rerank", "--strategy", strategy, "--model", model, *self.candidates, *extra, "-o",
                            str(run)], check=True)
        return rrk_ndcg(rrk, self.qrels, run)


def sets_of(options) -> list[Set]:
    root, work = options.data, options.work
    found = []
    for name in options.sets:
        if name == "dl19":
            found.append(Set.dl19(root, work))
        elif name in ("scifact", "nfcorpus"):
            found.append(Set.beir(options.rrk, name, root / name, root / name / "qrels/test.tsv", work))
        else:
            found.append(Set.held_out(options.rrk, data.Pool.read(options.cache / "pool"), name, work))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rrk", default="rrk")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="for the held-out groups")
    parser.add_argument("--work", type=Path, required=True, help="stores and runs; runs that are there are not redone")
    parser.add_argument("--baseline", required=True, help="the embedding model")
    parser.add_argument("--model", action="append", default=[], help="NAME=FOLDER or NAME=FOLDER:DTYPE of an MVP model")
    parser.add_argument("--sets", nargs="+", default=["dl19", "scifact", "nfcorpus", "medquad", "fairytaleqa"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    for one in sets_of(options):
        row = table.setdefault(one.name, {"bm25": rrk_ndcg(options.rrk, one.qrels, one.bm25)})
        row["minilm"] = one.rerank(options.rrk, "minilm", "embedding", options.baseline, [])
        for named in options.model:
            name, _, rest = named.partition("=")
            folder, _, dtype = rest.partition(":")
            row[name] = one.rerank(options.rrk, name, "mvp", folder, ["--dtype", dtype] if dtype else [])
        print(one.name, "  ".join(f"{key} {value:.4f}" for key, value in row.items()), flush=True)
    names = list(next(iter(table.values())))
    print("| set | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{row[key]:.4f}" for key in names) + " |")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
