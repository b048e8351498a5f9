#!/usr/bin/env python3
"""Times the encoder beside other runtimes: the same model, the same token ids, the same threads, round by round.

    encoder_peers.py --model DIR --texts FILE.jsonl --rrk BUILD/bench/bench-encoder [--limit N] [--rounds 5]

FILE.jsonl has a JSON object a line with "candidates": [{"text": ...}, ...] or with "text". Texts are tokenised once, to
at most 256 tokens, and the ids are what everybody gets (sentence-transformers tokenises by itself; its row says so).
Peers get batches of 32 sorted by length. Whatever of them imports takes part; what does not is named. Every peer is a
process of its own that lives through all rounds and sleeps while others run. A peer whose vectors differ from rrk's
(cosine below 0.9999) is reported, not timed.
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
import time

MAX_TOKENS = 256
BATCH = 32
MIN_COSINE = 0.9999
MIN_INT8_COSINE = 0.9
PRODUCT = (2560, 1536, 384)
THREADS = 2


def read_texts(path, limit):
    texts = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            texts += [c["text"] for c in record["candidates"]] if "candidates" in record else [record["text"]]
    if limit and limit < len(texts):
        step = len(texts) / limit  # spread, so that a part is like the whole
        texts = [texts[int(i * step)] for i in range(limit)]
    return texts


def tokenize(model, texts):
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [e.ids for e in tokenizer.encode_batch(texts)]


def gflop_of(model, rows):
    """As bench-encoder counts: linear layers and attention."""
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        c = json.load(f)
    d, ff, n_layers = c["hidden_size"], c["intermediate_size"], c["num_hidden_layers"]
    return sum(len(r) * n_layers * (2 * (4 * d * d + 2 * d * ff) + 4 * len(r) * d) for r in rows) * 1e-9


def batches_of(rows):
    """Row numbers, longest first, BATCH at a time."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    return [order[i:i + BATCH] for i in range(0, len(order), BATCH)]


# --- peers: each is made in its own process and gives run(rows) -> vectors [n, d], unit length ---


def padded(rows, batch):
    import numpy as np
    ids = np.zeros((len(batch), max(len(rows[i]) for i in batch)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for k, i in enumerate(batch):
        ids[k, :len(rows[i])] = rows[i]
        mask[k, :len(rows[i])] = 1
    return ids, mask


def torch_module(model, attention):
    """Ids and mask to pooled unit vectors. The additive mask is made here, so that tracing sees plain arithmetic."""
    import torch
    from transformers import AutoModel
    bert = AutoModel.from_pretrained(model, attn_implementation=attention, dtype=torch.float32).eval()

    class Embed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = bert

        def forward(self, ids, mask):
            added = (1.0 - mask[:, None, None, :].float()) * -1e9
            if attention == "sdpa":  # its kernel wants every query's row of the mask
                added = added.expand(-1, 1, ids.shape[1], -1)
            h = self.bert(input_ids=ids, attention_mask=added).last_hidden_state
            mean = (h * mask[:, :, None].float()).sum(1)
            return torch.nn.functional.normalize(mean, dim=1)

    return Embed().eval()


class Padded:
    """Runs anything that takes padded ids and a mask."""

    def one(self, ids, mask):
        raise NotImplementedError

    def run(self, rows):
        import numpy as np
        out = None
        for batch in batches_of(rows):
            vectors = self.one(*padded(rows, batch))
            if out is None:
                out = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
            out[batch] = vectors
        return out


class TorchEager(Padded):
    name = "PyTorch, eager"

    def __init__(self, model, scratch, texts):
        import torch
        torch.set_num_threads(THREADS)
        self.torch = torch
        self.version = torch.__version__
        self.module = torch_module(model, "sdpa")

    def one(self, ids, mask):
        with self.torch.inference_mode():
            return self.module(self.torch.from_numpy(ids), self.torch.from_numpy(mask)).numpy()


class TorchCompile(TorchEager):
    name = "PyTorch, torch.compile"

    def __init__(self, model, scratch, texts):
        super().__init__(model, scratch, texts)
        self.module = self.torch.compile(self.module, dynamic=True)


def export_onnx(model, scratch):
    import warnings
    import torch
    path = os.path.join(scratch, "model.onnx")
    if not os.path.exists(path):
        ids = torch.randint(1000, 2000, (2, 16))
        mask = torch.ones_like(ids)
        mask[1, 10:] = 0
        names = {"ids": {0: "n", 1: "l"}, "mask": {0: "n", 1: "l"}, "out": {0: "n"}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(torch_module(model, "eager"), (ids, mask), path, input_names=["ids", "mask"],
                              output_names=["out"], dynamic_axes=names, opset_version=17, dynamo=False)
    return path


class OnnxRuntime(Padded):
    name = "ONNX Runtime"

    def __init__(self, model, scratch, texts):
        import onnxruntime
        self.version = onnxruntime.__version__
        path = export_onnx(model, scratch)
        try:
            from onnxruntime.transformers import optimizer
            fused = os.path.join(scratch, "fused.onnx")
            with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
                c = json.load(f)
            optimized = optimizer.optimize_model(path, model_type="bert", num_heads=c["num_attention_heads"],
                                                 hidden_size=c["hidden_size"], opt_level=1)
            optimized.save_model_to_file(fused)
            done = {k: v for k, v in optimized.get_fused_operator_statistics().items() if v}
            self.note = "fused: " + ", ".join(f"{k} {v}" for k, v in sorted(done.items()))
            path = fused
        except ImportError as e:
            self.note = f"not fused ({e})"
        path = self.prepare(path, scratch)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def prepare(self, path, scratch):
        return path

    def one(self, ids, mask):
        return self.session.run(None, {"ids": ids, "mask": mask})[0]


class OnnxRuntimeInt8(OnnxRuntime):
    name = "ONNX Runtime, dynamic int8"

    def prepare(self, path, scratch):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantized = os.path.join(scratch, "int8.onnx")
        # The fused operators' types are not inferred, so the default has to be told (1: f32).
        quantize_dynamic(path, quantized, per_channel=True, weight_type=QuantType.QInt8,
                         extra_options={"DefaultTensorType": 1})
        return quantized


class OpenVino(Padded):
    name = "OpenVINO"
    streams = 1

    def __init__(self, model, scratch, texts):
        import openvino
        self.version = openvino.__version__.split("-")[0]
        core = openvino.Core()
        import torch
        example = {"ids": torch.randint(1000, 2000, (2, 16)), "mask": torch.ones((2, 16), dtype=torch.int64)}
        module = torch_module(model, "sdpa")
        converted = openvino.convert_model(module, example_input=example)
        # f32 as everybody: the default may be bf16 where the processor has it.
        settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": self.streams}
        self.compiled = core.compile_model(converted, "CPU", settings)

    def one(self, ids, mask):
        return self.compiled([ids, mask])[0]


class OpenVinoStreams(OpenVino):
    name = f"OpenVINO, {THREADS} streams of 1 thread"
    streams = THREADS

    def run(self, rows):
        import numpy as np
        import openvino
        out = np.empty((len(rows), self.compiled.output(0).partial_shape[1].get_length()), dtype=np.float32)
        queue = openvino.AsyncInferQueue(self.compiled, self.streams)

        def keep(request, batch):
            out[batch] = request.get_output_tensor(0).data

        queue.set_callback(keep)
        for batch in batches_of(rows):
            ids, mask = padded(rows, batch)
            queue.start_async({0: ids, 1: mask}, batch)
        queue.wait_all()
        return out


class CTranslate2:
    name = "CTranslate2"
    intra, inter = THREADS, 1
    compute_type = "float32"

    def __init__(self, model, scratch, texts):
        import ctranslate2
        self.version = ctranslate2.__version__
        folder = os.path.join(scratch, "ct2")
        if not os.path.exists(folder):
            ctranslate2.converters.TransformersConverter(model).convert(folder)
        self.encoder = ctranslate2.Encoder(folder, device="cpu", compute_type=self.compute_type, intra_threads=self.intra,
                                           inter_threads=self.inter)

    def one(self, rows, batch):
        import numpy as np
        ids = [rows[i] for i in batch]
        hidden = np.array(self.encoder.forward_batch(ids).last_hidden_state)
        sums = np.stack([hidden[k, :len(row)].sum(0) for k, row in enumerate(ids)])
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def run(self, rows):
        import numpy as np
        batches = batches_of(rows)
        if self.inter == 1:
            parts = [self.one(rows, b) for b in batches]
        else:
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(self.inter) as threads:
                parts = list(threads.map(lambda b: self.one(rows, b), batches))
        out = np.empty((len(rows), parts[0].shape[1]), dtype=np.float32)
        for batch, part in zip(batches, parts):
            out[batch] = part
        return out


class CTranslate2Replicas(CTranslate2):
    name = f"CTranslate2, {THREADS} replicas of 1 thread"
    intra, inter = 1, THREADS


class CTranslate2Int8(CTranslate2):
    name = "CTranslate2, int8"
    compute_type = "int8"


class CTranslate2Int8Replicas(CTranslate2Replicas):
    name = f"CTranslate2, int8, {THREADS} replicas of 1 thread"
    compute_type = "int8"


class SentenceTransformers:
    name = "sentence-transformers (tokenising too)"

    def __init__(self, model, scratch, texts):
        import sentence_transformers
        import torch
        torch.set_num_threads(THREADS)
        self.version = sentence_transformers.__version__
        self.model = sentence_transformers.SentenceTransformer(model, device="cpu")
        self.texts = texts

    def run(self, rows):
        return self.model.encode(self.texts[:len(rows)], batch_size=BATCH, show_progress_bar=False)


class TorchProduct:
    """Not a peer: the processor's rate as PyTorch sees it."""
    name = "PyTorch's product"

    def __init__(self, model, scratch, texts):
        import torch
        torch.set_num_threads(THREADS)
        self.torch = torch
        self.version = torch.__version__
        m, n, k = PRODUCT
        self.x, self.w, self.y = torch.rand(m, k), torch.rand(k, n), torch.empty(m, n)

    def rate(self, seconds=0.4):
        samples, start, cpu = [], time.perf_counter(), time.process_time()
        while time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self.torch.mm(self.x, self.w, out=self.y)
            samples.append(time.perf_counter() - before)
        m, n, k = PRODUCT
        gflop = 2e-9 * m * n * k
        return gflop / statistics.median(samples), gflop * len(samples) * THREADS / (time.process_time() - cpu)


PEERS = {"ct2": CTranslate2, "ct2x2": CTranslate2Replicas, "ort": OnnxRuntime, "openvino": OpenVino,
         "openvinox2": OpenVinoStreams,
         "compile": TorchCompile, "eager": TorchEager, "st": SentenceTransformers}
INT8_PEERS = {"ct2-int8": CTranslate2Int8, "ct2x2-int8": CTranslate2Int8Replicas, "ort-int8": OnnxRuntimeInt8}


def serve(kind, job_path):
    """A peer's process: answers a line for a line. Its first run is a warm-up on an eighth of the rows."""
    import numpy as np
    with open(job_path, encoding="utf-8") as f:
        job = json.load(f)
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with answers
    maker = TorchProduct if kind == "product" else {**PEERS, **INT8_PEERS}[kind]
    try:
        peer = maker(job["model"], job["scratch"], job["texts"])
        if kind == "product":
            peer.rate()
        else:
            peer.run(job["rows"][:max(BATCH, len(job["rows"]) // 8)])
        hello = {"ok": True, "name": peer.name, "version": peer.version, "note": getattr(peer, "note", "")}
    except Exception as e:  # a peer that cannot run is a row of the report, whatever the reason
        hello = {"ok": False, "name": maker.name, "why": f"{type(e).__name__}: {e}".split("\n")[0][:200]}
    print(json.dumps(hello), file=pipe, flush=True)
    for _ in sys.stdin:
        if kind == "product":
            answer = {"rate": peer.rate()}
        else:
            before, cpu = time.perf_counter(), time.process_time()
            vectors = peer.run(job["rows"])
            answer = {"seconds": time.perf_counter() - before, "cpu": time.process_time() - cpu}
            np.asarray(vectors, dtype=np.float32).tofile(os.path.join(job["scratch"], kind + ".f32"))
        print(json.dumps(answer), file=pipe, flush=True)


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


def cosine(scratch, kind, n_rows):
    """The lowest of a row, against rrk in f32."""
    import numpy as np
    ours = np.fromfile(os.path.join(scratch, "reference.f32"), dtype=np.float32).reshape(n_rows, -1)
    theirs = np.fromfile(os.path.join(scratch, kind + ".f32"), dtype=np.float32).reshape(n_rows, -1)
    if ours.shape != theirs.shape:
        return 0.0
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(1) / norms).min())


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
            worst = cosine(scratch, p.kind, n_rows)
            p.hello["cosine"] = worst
            if worst < (MIN_COSINE if p.kind in PEERS else MIN_INT8_COSINE):
                print(f"left out: {p.hello['name']}: its vectors differ from rrk's, cosine {worst:.6f}", flush=True)
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
    print(f"{len(rows)} passages, {n_tokens} tokens ({n_tokens / len(rows):.1f} a passage), {gflop:.0f} GFLOP.")
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


def print_report(args, rounds, peers, rows, gflop):
    print_setting(args, rounds, rows, gflop)
    print("| runtime | passages/s | min..max | rrk faster by | by CPU time | share of f32 product rate | by CPU time "
          "| lowest cosine |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    cosines = {p.kind: p.hello["cosine"] for p in peers}
    cosines["rrk"] = cosine(args.scratch, "rrk", len(rows))
    entries = [("rrk", f"**rrk** ({rounds[0]['report']['compute']})")]
    entries += [(p.kind, f"{p.hello['name']} {p.hello['version']}") for p in peers]
    for kind, label in sorted(entries, key=lambda e: statistics.median(r[e[0]][0] for r in rounds)):
        speeds = [len(rows) / r[kind][0] for r in rounds]
        ratios = [statistics.median(r[kind][clock] / r["rrk"][clock] for r in rounds) for clock in (0, 1)]
        shares = [statistics.median(share(r, kind, gflop, clock) for r in rounds) for clock in (0, 1)]
        print(f"| {label} | {statistics.median(speeds):.1f} | {min(speeds):.1f}..{max(speeds):.1f} | "
              f"{ratios[0]:.2f} x | {ratios[1]:.2f} x | {shares[0]:.2f} | {shares[1]:.2f} | {cosines[kind]:.4f} |")
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
    parser.add_argument("--limit", type=int, default=0, help="passages, spread over the file (0: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", help="of " + ",".join({**PEERS, **INT8_PEERS}) + " (those of the type)")
    parser.add_argument("--dtype", default="f32", help="of rrk: f32, bf16 or int8, whose peers are "
                        + ",".join(INT8_PEERS))
    parser.add_argument("--scratch", help="a folder that keeps converted models (a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = args.scratch = args.scratch or temporary
        kinds = args.peers if args.peers is not None else ",".join(INT8_PEERS if args.dtype == "int8" else PEERS)
        os.makedirs(scratch, exist_ok=True)
        texts = read_texts(args.texts, args.limit)
        rows = tokenize(args.model, texts)
        job_path, ids_path = os.path.join(scratch, "job.json"), os.path.join(scratch, "ids.txt")
        with open(ids_path, "w", encoding="utf-8") as f:
            f.writelines(" ".join(map(str, row)) + "\n" for row in rows)
        with open(job_path, "w", encoding="utf-8") as f:
            json.dump({"model": args.model, "scratch": scratch, "texts": texts, "rows": rows}, f)
        processes = start_peers(["product"] + [k for k in kinds.split(",") if k], job_path)
        run_rrk(args, ids_path, os.path.join(scratch, "reference.f32"), "f32")
        rounds, peers = run_rounds(args, processes, ids_path, scratch, len(rows))
        print_report(args, rounds, peers, rows, gflop_of(args.model, rows))
        for p in processes:
            p.close()


if __name__ == "__main__":
    main()
