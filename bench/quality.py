#!/usr/bin/env python3
"""What bf16 and int8 cost in ranking quality: nDCG@10 of an embedding model by dtype and device, against f32.

  quality.py --rrk BUILD/cli/rrk --model MODEL_DIR --dl19 FOLDER --scifact FOLDER --nfcorpus FOLDER --work FOLDER

DL19's folder has candidates.bm25.jsonl and qrels.txt, the others are BEIR's (corpus.jsonl, queries.jsonl, qrels/test.tsv).
Four kinds of set: dl19 (BM25's 100 reranked), scifact and nfcorpus (retrieval by vectors over the whole corpus), and
scifact.100 and nfcorpus.100 (BM25's 100 in the order of the same vectors, which is what reranking them would give).

Every cell is kept in WORK/cells.json as soon as it is known, and is not computed again unless --again says so: a run
that was interrupted goes on, and --sets, --dtypes and --devices pick what to compute. The table shows all cells there
are. A device that has no products of a dtype computes f32; such a cell is named and not computed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

TARGETS = {"f32": 0.0, "bf16": 0.002, "int8": 0.005}
BEIR = ("scifact", "nfcorpus")
SETS = ("dl19", "scifact", "scifact.100", "nfcorpus", "nfcorpus.100")
BM25_CANDIDATES = 100


def call(*command):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"quality.py: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, a):
        self.a = a
        self.path = os.path.join(a.work, "cells.json")
        self.cells = {}
        os.makedirs(a.work, exist_ok=True)
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.cells = json.load(file)

    def keep(self, key, **cell):
        self.cells[key] = cell
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.cells, file, indent=1)
        os.replace(self.path + ".new", self.path)

    def file(self, *parts):
        return os.path.join(self.a.work, ".".join(parts).replace(":", "-"))

    def rrk(self, verb, *rest):
        return call(self.a.rrk, verb, *rest)

    def ndcg(self, qrels, run):
        return float(self.rrk("eval", "-m", "ndcg_cut_10", qrels, run).split()[-1])

    def how(self, dtype, device):
        return ["--model", self.a.model, "--dtype", dtype, "--device", device, "--threads", self.a.threads]

    def compute(self, dtype, device):
        """What the model runs on when asked for this, e.g. "cpu int8 avx512-vnni"."""
        options = [part for part in self.how(dtype, device) if part not in ("--model", self.a.model)]
        return json.loads(self.rrk("info", "--json", *options, self.a.model))["compute"]

    def dl19(self, dtype, device):
        run = self.file("dl19", device, dtype, "run")
        self.rrk("rerank", "--strategy", "embedding", *self.how(dtype, device), "--candidates",
                 f"{self.a.dl19}/candidates.bm25.jsonl", "--output", run)
        return {"dl19": self.ndcg(f"{self.a.dl19}/qrels.txt", run)}

    def corpus(self, name):
        """The store without vectors and BM25's candidates, made once."""
        folder, store, run = getattr(self.a, name), self.file(name, "db"), self.file(name, "bm25.run")
        if not os.path.exists(run):
            if not os.path.exists(store):
                self.rrk("import", "--store", store + ".new", f"{folder}/corpus.jsonl")
                os.replace(store + ".new", store)
            self.rrk("retrieve", "--store", store, "--queries", f"{folder}/queries.jsonl", "--qrels",
                     f"{folder}/qrels/test.tsv", "--top-k", BM25_CANDIDATES, "--output", run)
        return folder, store, run

    def beir(self, name, dtype, device):
        folder, base, bm25 = self.corpus(name)
        store, run = self.file(name, device, dtype, "db"), self.file(name, device, dtype, "run")
        head, reranked = run + ".1000", run + ".100"
        if not os.path.exists(store):
            shutil.copyfile(base, store + ".new")
            os.replace(store + ".new", store)
        self.rrk("embed", "--store", store, *self.how(dtype, device))
        self.rrk("retrieve", "--store", store, "--queries", f"{folder}/queries.jsonl", "--qrels",
                 f"{folder}/qrels/test.tsv", "--retriever", "dense", *self.how(dtype, device), "--top-k", 99999,
                 "--output", run)
        split(run, bm25, head, reranked)
        os.remove(store)
        os.remove(run)
        qrels = f"{folder}/qrels/test.tsv"
        return {name: self.ndcg(qrels, head), name + ".100": self.ndcg(qrels, reranked)}

    def fill(self, name, dtype, device):
        wanted = [s for s in self.a.sets if s.split(".")[0] == name]
        keys = {s: f"{s} {device} {dtype}" for s in SETS if s.split(".")[0] == name}
        if not wanted or (not self.a.again and all(keys[s] in self.cells for s in wanted)):
            return
        compute, start = self.compute(dtype, device), time.monotonic()
        if dtype not in compute.split():
            for s in keys:
                self.keep(keys[s], compute=compute, ndcg=None)
            return
        found = self.dl19(dtype, device) if name == "dl19" else self.beir(name, dtype, device)
        for s, value in found.items():
            self.keep(keys[s], compute=compute, ndcg=value, seconds=round(time.monotonic() - start, 1))
            print(f"{keys[s]}: {value:.4f} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)

    def loss(self, cell, name, device):
        """Against f32 on the same device or, where that was not computed, on the first one that has it."""
        ours = self.cells.get(f"{name} {device} f32", {}).get("ndcg")
        others = [c["ndcg"] for key, c in self.cells.items() if key.startswith(name + " ") and key.endswith(" f32")]
        against = ours if ours is not None else next((o for o in others if o is not None), None)
        return None if against is None else against - cell["ndcg"]

    def table(self):
        print("| set | device | asked for | computed as | nDCG@10 | loss against f32 | target | met |")
        print("|---|---|---|---|---:|---:|---:|---|")
        for key in sorted(self.cells, key=lambda k: (SETS.index(k.split()[0]), k.split()[1:])):
            name, device, dtype = key.split()
            cell = self.cells[key]
            row = f"| {name} | `{device}` | {dtype} | {cell['compute']} |"
            loss = None if cell["ndcg"] is None else self.loss(cell, name, device)
            if cell["ndcg"] is None:
                print(row, "as f32 | | | |")
            elif dtype == "f32" or loss is None:
                print(row, f"{cell['ndcg']:.4f} | | | |")
            else:
                met = "yes" if round(loss, 4) <= TARGETS[dtype] else "no"
                print(row, f"{cell['ndcg']:.4f} | {loss:+.4f} | {TARGETS[dtype]:.3f} | {met} |")


def split(run, bm25, head, reranked):
    """Of a run of everything: each query's first 1,000, and those that BM25 found as well."""
    with open(bm25, encoding="utf-8") as file:
        found = {(row[0], row[2]) for row in map(str.split, file)}
    with open(run, encoding="utf-8") as source, open(head, "w", encoding="utf-8") as first, \
            open(reranked, "w", encoding="utf-8") as both:
        for line in source:
            row = line.split()
            if int(row[3]) <= 1000:
                first.write(line)
            if (row[0], row[2]) in found:
                both.write(line)


def devices_of(rrk):
    """Those with kernels worth a measurement: the others are the compiler's, without a dtype of their own."""
    listed = json.loads(call(rrk, "info", "--json"))["devices"].split()
    return [d for d in listed if d not in ("cpu:baseline", "cpu:plain")] or listed[:1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("rrk", "model", "work", "dl19", *BEIR):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--sets", default=",".join(SETS), help="of " + ",".join(SETS))
    parser.add_argument("--dtypes", default="f32,bf16,int8")
    parser.add_argument("--devices", help="as rrk info lists them; default: all with kernels of their own")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="compute the picked cells again")
    parser.add_argument("--table", action="store_true", help="print the table and compute nothing")
    a = parser.parse_args()
    a.sets, a.dtypes = a.sets.split(","), a.dtypes.split(",")
    unknown = [s for s in a.sets if s not in SETS] + [d for d in a.dtypes if d not in TARGETS]
    if unknown:
        sys.exit(f"quality.py: '{unknown[0]}' is unknown (sets: {' '.join(SETS)}; dtypes: {' '.join(TARGETS)})")
    bench = Bench(a)
    if not a.table:
        for name in ("dl19", "nfcorpus", "scifact"):
            for device in a.devices.split(",") if a.devices else devices_of(a.rrk):
                for dtype in a.dtypes:
                    bench.fill(name, dtype, device)
    bench.table()


if __name__ == "__main__":
    main()
