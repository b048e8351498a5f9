#!/usr/bin/env python3
"""Makes tests/eval/golden/: random runs and qrels with what pytrec_eval says of them, and scipy's t-tests.

Needs pytrec_eval, numpy and scipy. Usage: golden_eval.py OUTPUT_FOLDER [SEED]
"""
import pathlib
import random
import sys

import numpy
import pytrec_eval
import scipy.special
import scipy.stats

METRICS = ["ndcg_cut_1", "ndcg_cut_10", "ndcg", "recip_rank", "map", "P_1", "P_5", "recall_5", "recall_10",
           "num_q", "num_ret", "num_rel", "num_rel_ret"]
REQUESTED = {"ndcg_cut.1,10", "ndcg", "recip_rank", "map", "P.1,5", "recall.5,10", "num_q", "num_ret", "num_rel",
             "num_rel_ret"}


def case(rng):
    qrels, run = {}, {}
    for query in range(10):
        qid = f"q{query}"
        docs = [f"d{n}" for n in range(25)] + [f"D{n}" for n in range(5)]
        if rng.random() < 0.85:
            judged = rng.sample(docs, rng.randint(1, 20))
            qrels[qid] = {doc: rng.choice([-2, -1, 0, 0, 1, 1, 2, 3]) for doc in judged}
            # trec_eval's table of grade levels overflows when no grade reaches the relevance level.
            qrels[qid][judged[0]] = 3
        if rng.random() < 0.85:
            hits = rng.sample(docs, rng.randint(1, 25))
            # Few values make ties; the tiny steps vanish in 32-bit floats.
            run[qid] = {doc: rng.choice([-1.5, 0.0, 1.0, 2.5, 1e3]) + rng.choice([0, 0, 1e-12]) for doc in hits}
    return qrels, run


def write_case(folder, number, rng):
    qrels, run = case(rng)
    level = 1 + number % 2
    values = pytrec_eval.RelevanceEvaluator(qrels, REQUESTED, relevance_level=level).evaluate(run)
    with open(folder / f"{number}.qrels", "w") as out:
        for qid, docs in qrels.items():
            out.writelines(f"{qid} 0 {doc} {grade}\n" for doc, grade in docs.items())
    with open(folder / f"{number}.run", "w") as out:
        for qid, docs in run.items():
            out.writelines(f"{qid} Q0 {doc} 0 {score!r} x\n" for doc, score in docs.items())
    with open(folder / f"{number}.expected", "w") as out:
        for qid in sorted(values):
            out.writelines(f"{qid} {metric} {level} {values[qid][metric]:.9f}\n" for metric in METRICS)


def write_t_tests(folder, seed):
    rng = numpy.random.default_rng(seed)
    with open(folder / "t_test.txt", "w") as out:
        for n in (2, 3, 10, 43, 200):
            a = rng.integers(0, 1000, n) / 1000
            b = rng.integers(0, 1000, n) / 1000 + 0.05
            test = scipy.stats.ttest_rel(b, a)
            out.write(f"{n} {test.statistic:.12g} {test.pvalue:.12g}\n")
            out.write("".join(f"{x:.4f} {y:.4f}\n" for x, y in zip(a, b)))
    with open(folder / "beta.txt", "w") as out:
        for a in (0.5, 1, 3, 21, 500):
            for b in (0.5, 1, 2.5):
                for x in (0.001, 0.2, 0.5, 0.9, 0.999):
                    out.write(f"{a} {b} {x} {scipy.special.betainc(a, b, x):.15g}\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 2019
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    for number in range(8):
        write_case(folder, number, rng)
    write_t_tests(folder, seed)


main()
