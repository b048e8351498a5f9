#!/usr/bin/env python3
"""Times the encoder beside other runtimes: the same model, the same token ids, the same threads, round by round.

    encoder_peers.py --model DIR --texts FILE.jsonl --rrk BUILD/bench/bench-encoder [--task embed|cross|mvp]
                     [--dtype int8] [--limit N] [--rounds 5]

FILE.jsonl has a JSON object a line: {"query": ..., "candidates": [{"text": ...}, ...]}, or for embed {"text": ...}.
Texts are tokenised once, to at most 256 tokens, and the ids are what everybody gets (sentence-transformers tokenises by
itself; its row says so). Peers get batches of 32 sorted by length. Whatever of them imports takes part; what does not is
named. Every peer is a process of its own that lives through all rounds and sleeps while others run. A peer in f32 whose
results differ from rrk's (cosine below 0.9999) is reported, not timed.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

from peer_runtimes import INT8_PEERS, PEERS, PRODUCT, THREADS, serve
from peer_tasks import TASKS


class Process:
    def __init__(self, kind, job_path):
        self.kind = kind
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[name] = str(THREADS)
        environment["TOKENIZERS_PARALLELISM"] = "true"
        log = open(job_path + "." + kind + ".log", "w", encoding="utf-8")
        self.child = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve", kind, job_path],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                      env=environment)
        self.hello = self.answer() or {"ok": False, "name": kind, "why": "its process ended"}

    def answer(self):
        line = self.child.stdout.readline()
        return json.loads(line) if line else None

    def ask(self):
        self.child.stdin.write("go\n")
        self.child.stdin.flush()
        return self.answer()

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def run_rrk(args, ids_path, out_path, dtype=None):
    command = [args.rrk, args.model, ids_path, "1", str(THREADS), out_path, dtype or args.dtype]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def compare(args, kind, n_rows):
    """(cosine, error) of what a runtime left behind, against rrk in f32."""
    import numpy as np
    ours, theirs = (np.fromfile(os.path.join(args.scratch, k + ".f32"), dtype=np.float32).reshape(n_rows, -1)
                    for k in ("reference", kind))
    return args.work.compare(ours, theirs) if ours.shape == theirs.shape else (0.0, None)


def start_peers(kinds, job_path):
    processes = []
    for kind in kinds:
        process = Process(kind, job_path)
        if process.hello["ok"]:
            processes.append(process)
        else:
            print(f"left out: {process.hello['name']}: {process.hello['why']}", flush=True)
    return processes


def one_round(args, product, peers, ids_path, scratch):
    """{kind: (seconds, CPU seconds)} and under "rates" {way: (GFLOP/s, GFLOP/s by CPU time)}."""
    report = run_rrk(args, ids_path, os.path.join(scratch, "rrk.f32"))
    rates = report["product_gflop_per_s"]
    result = {"report": report, "rrk": (report["rows"] / report["passages_per_s"], report["cpu_seconds"])}
    result["int8"] = report.get("int8_gop_per_s")
    result["rates"] = {"rrk, by blocks": (rates["ours"], rates["ours_cpu"]),
                       "oneDNN, by blocks": (rates["blocks"], rates["blocks_cpu"]),
                       "oneDNN, one call": (rates["whole"], rates["whole_cpu"])}
    if product:
        result["rates"]["PyTorch"] = tuple(product.ask()["rate"])
    for p in peers:
        answer = p.ask()
        result[p.kind] = (answer["seconds"], answer["cpu"])
    result["load"] = os.getloadavg()[0]
    return result


def run_rounds(args, processes, ids_path, scratch, n_rows):
    product = next((p for p in processes if p.kind == "product"), None)
    peers = [p for p in processes if p is not product]
    rounds = []
    for number in range(args.rounds):
        result = one_round(args, product, peers, ids_path, scratch)
        for p in list(peers) if number == 0 else []:
            p.hello["likeness"] = compare(args, p.kind, n_rows)
            worst = p.hello["likeness"][0]
            if worst < (args.work.min_cosine if p.kind in PEERS else args.work.min_int8_cosine):
                print(f"left out: {p.hello['name']}: its results differ from rrk's, cosine {worst:.6f}", flush=True)
                peers.remove(p)
        rounds.append(result)
        figures = ", ".join(f"{k} {n_rows / result[k][0]:.1f}" for k in ["rrk"] + [p.kind for p in peers])
        print(f"round {number + 1}, load {result['load']:.1f}: {figures}", file=sys.stderr, flush=True)
    return rounds, peers


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        info = f.read()
    name = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
    family = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("cpu family"))
    model = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model\t"))
    flags = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16") if f" {f}" in info]
    return f"{name} (family {family}, model {model}; {', '.join(flags)}), {os.cpu_count()} processors"


def print_setting(args, rounds, rows, gflop):
    n_tokens = sum(len(r) for r in rows)
    print(f"{datetime.date.today()}, {processor()}, {THREADS} threads each, {len(rounds)} rounds, interleaved; "
          f"Python {platform.python_version()}; load {min(r['load'] for r in rounds):.1f} to "
          f"{max(r['load'] for r in rounds):.1f}.")
    print(f"{len(rows)} {args.work.unit}, {n_tokens} tokens ({n_tokens / len(rows):.1f} each), {gflop:.0f} GFLOP.")
    for way in rounds[0]["rates"]:
        wall, cpu = (statistics.median(r["rates"][way][i] for r in rounds) for i in (0, 1))
        print(f"Product {'x'.join(map(str, PRODUCT))}, {way}: {wall:.0f} GFLOP/s ({cpu:.0f} by CPU time).")
    for way in rounds[0]["int8"] or []:
        rate = statistics.median(r["int8"][way] for r in rounds)
        print(f"int8, {way}: {rate:.0f} GOP/s.")
    print(f"rrk's peak memory: {rounds[-1]['report']['peak_rss_mib']:.0f} MiB.\n")


def share(round_, kind, gflop, clock):
    """Of the best product rate of the round; clock is 0 for the one on the wall, 1 for CPU time."""
    per_second = gflop / round_[kind][clock] * (THREADS if clock else 1)
    return per_second / max(rate[clock] for rate in round_["rates"].values())


def line_of(args, rounds, kind, label, likeness, n_rows, gflop):
    speeds = [n_rows / r[kind][0] for r in rounds]
    ratios = [statistics.median(r[kind][clock] / r["rrk"][clock] for r in rounds) for clock in (0, 1)]
    shares = [statistics.median(share(r, kind, gflop, clock) for r in rounds) for clock in (0, 1)]
    error = "" if likeness[1] is None else f" {likeness[1]:.2g} |"
    return (f"| {label} | {statistics.median(speeds):.1f} | {min(speeds):.1f}..{max(speeds):.1f} | {ratios[0]:.2f} x | "
            f"{ratios[1]:.2f} x | {shares[0]:.2f} | {shares[1]:.2f} | {likeness[0]:.5f} |{error}")


def print_report(args, rounds, peers, rows, gflop):
    print_setting(args, rounds, rows, gflop)
    likeness = {p.kind: p.hello["likeness"] for p in peers}
    likeness["rrk"] = compare(args, "rrk", len(rows))
    error = "" if likeness["rrk"][1] is None else " largest error, in standard deviations |"
    print(f"| runtime | {args.work.unit}/s | min..max | rrk faster by | by CPU time | share of f32 product rate "
          f"| by CPU time | {args.work.compared} |{error}")
    print("|---|" + "---:|" * (8 if error else 7))
    entries = [("rrk", f"**rrk** ({rounds[0]['report']['compute']})")]
    entries += [(p.kind, f"{p.hello['name']} {p.hello['version']}") for p in peers]
    for kind, label in sorted(entries, key=lambda e: statistics.median(r[e[0]][0] for r in rounds)):
        print(line_of(args, rounds, kind, label, likeness[kind], len(rows), gflop))
    for p in peers:
        if p.hello["note"]:
            print(f"\n{p.hello['name']}: {p.hello['note']}")


def main():
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--rrk", required=True, help="the bench-encoder executable")
    parser.add_argument("--task", choices=TASKS, default="embed", help="embed: vectors of passages; cross: scores of "
                        "pairs; mvp: one list's scores by views")
    parser.add_argument("--limit", type=int, default=0, help="passages or pairs, spread over the file, or rows of the "
                        "list (0: all passages, 100 pairs, 100 rows)")
    parser.add_argument("--row-tokens", type=float, default=97, help="mvp takes the list whose rows come nearest")
    parser.add_argument("--tokenizer", help="(the model's tokenizer.json)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", help="of " + ",".join({**PEERS, **INT8_PEERS}) + " (those of task and type)")
    parser.add_argument("--dtype", default="f32", help="of rrk: f32, bf16 or int8, whose peers are "
                        + ",".join(INT8_PEERS))
    parser.add_argument("--scratch", help="a folder that keeps converted models (a temporary one)")
    args = parser.parse_args()
    args.work = TASKS[args.task]()
    args.tokenizer = args.tokenizer or os.path.join(args.model, "tokenizer.json")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = args.scratch = args.scratch or temporary
        kinds = args.peers if args.peers is not None else args.work.peers["int8" if args.dtype == "int8" else "f32"]
        os.makedirs(scratch, exist_ok=True)
        rows, texts = args.work.read(args)
        job_path, ids_path = os.path.join(scratch, "job.json"), os.path.join(scratch, "ids.txt")
        with open(ids_path, "w", encoding="utf-8") as f:
            f.writelines(" ".join(map(str, row)) + "\n" for row in rows)
        with open(job_path, "w", encoding="utf-8") as f:
            json.dump({"task": args.task, "model": args.model, "scratch": scratch, "texts": texts, "rows": rows}, f)
        processes = start_peers(["product"] + [k for k in kinds.split(",") if k], job_path)
        run_rrk(args, ids_path, os.path.join(scratch, "reference.f32"), "f32")
        rounds, peers = run_rounds(args, processes, ids_path, scratch, len(rows))
        print_report(args, rounds, peers, rows, rounds[0]["report"]["gflop"])
        for p in processes:
            p.close()


if __name__ == "__main__":
    main()
