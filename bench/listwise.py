#!/usr/bin/env python3
"""Listwise ranking against a server that replays recorded rankings: effectiveness, calls, CPU a call, early stop.

  listwise.py --rrk BUILD/cli/rrk --server llm_replay.py --dl19 FOLDER

SERVER is a Python program that takes --strict, --run, --candidates, --trace, --pieces and --piece-s, and prints
"listening on PORT". The floor of a call's CPU time is what libcurl and a JSON parser need for it; the replaying server
is another process and not counted.
"""
import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time


class Server:
    def __init__(self, program, dl19, *options):
        paths = ["--run", f"{dl19}/run.rankmistral100.txt", "--candidates", f"{dl19}/candidates.bm25.jsonl",
                 "--trace", f"{dl19}/trace.rankvicuna.jsonl"]
        self.process = subprocess.Popen([sys.executable, program, "--strict", *paths, *options], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        port = re.match(r"listening on (\d+)", self.process.stdout.readline()).group(1)
        self.url = f"http://127.0.0.1:{port}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()


def run(rrk, *arguments):
    """(seconds, CPU seconds, statistics) of one rrk rerank."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([rrk, "rerank", "--json", *arguments], text=True, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, cpu, json.loads((done.stderr or done.stdout).splitlines()[-1]).get("counts")


def ndcg(rrk, dl19, path):
    out = subprocess.run([rrk, "eval", "-m", "ndcg_cut_10", f"{dl19}/qrels.txt", path], text=True, capture_output=True,
                         check=True).stdout
    return out.split()[-1]


def whole(rrk, server, dl19, scratch):
    print("strategy  nDCG@10  calls  CPU ms a call  beside the prompts  seconds")
    for strategy in ("full", "sliding"):
        out = os.path.join(scratch, strategy + ".run")
        rows = []
        for _ in range(3):
            with Server(server, dl19) as s:
                rows.append(run(rrk, "--strategy", strategy, "--llm", s.url, "--llm-model", "replay", "--candidates",
                                f"{dl19}/candidates.bm25.jsonl", "-o", out))
        seconds, cpu, counts = sorted(rows, key=lambda r: r[1])[1]
        calls = counts["calls"]
        # A dry run reads the candidates and builds the prompts of all calls, and sends none.
        prompts = sorted(run(rrk, "--strategy", strategy, "--llm", "http://127.0.0.1:1/v1", "--llm-model", "replay",
                             "--candidates", f"{dl19}/candidates.bm25.jsonl", "--dry-run")[1] for _ in range(3))[1]
        print(f"{strategy:<8}  {ndcg(rrk, dl19, out)}   {calls:>5}  {cpu * 1000 / calls:>13.2f}"
              f"  {(cpu - prompts) * 1000 / calls:>18.2f}  {seconds:>7.2f}")


def top_ten(path):
    with open(path, encoding="utf-8") as run_file:
        rows = [line.split() for line in run_file]
    return [(row[0], row[2]) for row in rows if int(row[3]) <= 10]


def early_stop(rrk, server, dl19, scratch, n_queries):
    few = os.path.join(scratch, "few.jsonl")
    with open(f"{dl19}/candidates.bm25.jsonl", encoding="utf-8") as source, open(few, "w", encoding="utf-8") as out:
        out.writelines(line for _, line in zip(range(n_queries), source))
    print("pieces  seconds whole  seconds top 10  ratio  same top 10")
    for pieces in ("char", "token", "word"):
        with Server(server, dl19, "--pieces", pieces, "--piece-s", "0.02") as s:
            arguments = ["--strategy", "full", "--llm", s.url, "--llm-model", "replay", "--candidates", few,
                         "--in-flight", "1"]
            # 99 rather than 100: a reply that is not going to be stopped is not streamed, and comes at once.
            whole_s, _, _ = run(rrk, *arguments, "--top-n", "99", "-o", scratch + "/whole")
            early_s, _, _ = run(rrk, *arguments, "--top-n", "10", "-o", scratch + "/early")
        same = top_ten(scratch + "/whole") == top_ten(scratch + "/early")
        print(f"{pieces:<6}  {whole_s:>13.2f}  {early_s:>14.2f}  {early_s / whole_s:>5.3f}  {same}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrk", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--dl19", required=True)
    parser.add_argument("--queries", type=int, default=3, help="for early stop")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        whole(a.rrk, a.server, a.dl19, scratch)
        early_stop(a.rrk, a.server, a.dl19, scratch, a.queries)


if __name__ == "__main__":
    main()
