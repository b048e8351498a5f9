"""The runtimes that encoder_peers.py times: each is made in a process of its own and gives run(rows) -> results.

What a result is, is the task's business (peer_tasks.py): unit vectors, scores of pairs, or a list's scores by view.
"""
import json
import os
import statistics
import sys
import time

from peer_tasks import TASKS

BATCH = 32
PRODUCT = (2560, 1536, 384)
THREADS = 2


def batches_of(rows):
    """Row numbers, longest first, BATCH at a time."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    return [order[i:i + BATCH] for i in range(0, len(order), BATCH)]


class Runtime:
    """Runs batches, puts their results where their rows were, and lets the task finish."""

    def __init__(self, task, job):
        self.task, self.model, self.scratch = task, job["model"], job["scratch"]
        self.finish = task.finisher(self.model)
        self.open(job)

    def batch(self, rows, batch):
        raise NotImplementedError

    def results(self, rows, batches):
        return (self.batch(rows, b) for b in batches)

    def run(self, rows):
        import numpy as np
        out, batches = None, batches_of(rows)
        for batch, part in zip(batches, self.results(rows, batches)):
            if out is None:
                out = np.empty((len(rows), part.shape[1]), dtype=np.float32)
            out[batch] = part
        return self.finish(out)


class TorchEager(Runtime):
    name = "PyTorch, eager"

    def open(self, job):
        import torch
        torch.set_num_threads(THREADS)
        self.torch = torch
        self.version = torch.__version__
        self.module = self.task.module(self.model, "sdpa")

    def batch(self, rows, batch):
        with self.torch.inference_mode():
            inputs = self.task.padded(rows, batch).values()
            return self.module(*(self.torch.from_numpy(x) for x in inputs)).numpy()


class TorchCompile(TorchEager):
    name = "PyTorch, torch.compile"

    def open(self, job):
        super().open(job)
        self.module = self.torch.compile(self.module, dynamic=True)


def example_of(task):
    """Two rows, the second one shorter."""
    import torch
    rows = [list(range(1000, 1016)), list(range(1500, 1510))]
    return {name: torch.from_numpy(x) for name, x in task.padded(rows, [0, 1]).items()}


def export_onnx(task, model, scratch):
    import warnings
    import torch
    path = os.path.join(scratch, "model.onnx")
    if not os.path.exists(path):
        example = example_of(task)
        axes = {**{name: {0: "n", 1: "l"} for name in example}, "out": {0: "n"}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(task.module(model, "eager"), tuple(example.values()), path, input_names=list(example),
                              output_names=["out"], dynamic_axes=axes, opset_version=17, dynamo=False)
    return path


class OnnxRuntime(Runtime):
    name = "ONNX Runtime"

    def open(self, job):
        import onnxruntime
        self.version = onnxruntime.__version__
        path = self.prepare(self.fuse(export_onnx(self.task, self.model, self.scratch)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def fuse(self, path):
        try:
            from onnxruntime.transformers import optimizer
        except ImportError as e:
            self.note = f"not fused ({e})"
            return path
        heads, size = self.task.sizes(self.model)
        fused, note = os.path.join(self.scratch, "fused.onnx"), os.path.join(self.scratch, "fused.txt")
        if os.path.exists(note):
            with open(note, encoding="utf-8") as f:
                self.note = f.read()
            return fused
        optimized = optimizer.optimize_model(path, model_type=self.task.optimizer_type, num_heads=heads,
                                             hidden_size=size, opt_level=1)
        optimized.save_model_to_file(fused)
        done = {k: v for k, v in optimized.get_fused_operator_statistics().items() if v}
        self.note = "fused: " + ", ".join(f"{k} {v}" for k, v in sorted(done.items()))
        with open(note, "w", encoding="utf-8") as f:
            f.write(self.note)
        return fused

    def prepare(self, path):
        return path

    def batch(self, rows, batch):
        return self.session.run(None, self.task.padded(rows, batch))[0]


class OnnxRuntimeInt8(OnnxRuntime):
    name = "ONNX Runtime, dynamic int8"

    def prepare(self, path):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantized = os.path.join(self.scratch, "int8.onnx")
        # The fused operators' types are not inferred, so the default has to be told (1: f32).
        if not os.path.exists(quantized):
            quantize_dynamic(path, quantized, per_channel=True, weight_type=QuantType.QInt8,
                             extra_options={"DefaultTensorType": 1})
        return quantized


class OpenVino(Runtime):
    name = "OpenVINO"
    streams = 1

    def open(self, job):
        import openvino
        self.version = openvino.__version__.split("-")[0]
        module = self.task.module(self.model, "sdpa")
        converted = openvino.convert_model(module, example_input=tuple(example_of(self.task).values()))
        # f32 as everybody: the default may be bf16 where the processor has it.
        settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": self.streams}
        self.compiled = openvino.Core().compile_model(converted, "CPU", settings)

    def batch(self, rows, batch):
        return self.compiled(list(self.task.padded(rows, batch).values()))[0]


class OpenVinoStreams(OpenVino):
    name = f"OpenVINO, {THREADS} streams of 1 thread"
    streams = THREADS

    def results(self, rows, batches):
        import openvino
        parts = [None] * len(batches)
        queue = openvino.AsyncInferQueue(self.compiled, self.streams)

        def keep(request, number):
            parts[number] = request.get_output_tensor(0).data.copy()

        queue.set_callback(keep)
        for number, batch in enumerate(batches):
            queue.start_async(dict(enumerate(self.task.padded(rows, batch).values())), number)
        queue.wait_all()
        return parts


class CTranslate2(Runtime):
    name = "CTranslate2"
    intra, inter = THREADS, 1
    compute_type = "float32"

    def open(self, job):
        import ctranslate2
        self.version = ctranslate2.__version__
        folder = os.path.join(self.scratch, "ct2")
        if not os.path.exists(folder):
            self.task.save_ct2(self.model, folder)
        self.encoder = ctranslate2.Encoder(folder, device="cpu", compute_type=self.compute_type,
                                           intra_threads=self.intra, inter_threads=self.inter)

    def batch(self, rows, batch):
        return self.task.from_ct2(self.encoder, [rows[i] for i in batch], self.model)

    def results(self, rows, batches):
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(self.inter) as threads:
            return list(threads.map(lambda b: self.batch(rows, b), batches))


class CTranslate2Replicas(CTranslate2):
    name = f"CTranslate2, {THREADS} replicas of 1 thread"
    intra, inter = 1, THREADS


class CTranslate2Int8(CTranslate2):
    name = "CTranslate2, int8"
    compute_type = "int8"


class CTranslate2Int8Replicas(CTranslate2Replicas):
    name = f"CTranslate2, int8, {THREADS} replicas of 1 thread"
    compute_type = "int8"


class SentenceTransformers(Runtime):
    name = "sentence-transformers (tokenising too)"

    def open(self, job):
        import sentence_transformers
        import torch
        torch.set_num_threads(THREADS)
        self.version = sentence_transformers.__version__
        self.transformer = sentence_transformers.SentenceTransformer(self.model, device="cpu")
        self.texts = job["texts"]

    def run(self, rows):
        return self.transformer.encode(self.texts[:len(rows)], batch_size=BATCH, show_progress_bar=False)


class TorchProduct:
    """Not a peer: the processor's rate as PyTorch sees it."""
    name = "PyTorch's product"

    def __init__(self, task, job):
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
        peer = maker(TASKS[job["task"]](), job)
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
            results = peer.run(job["rows"])
            answer = {"seconds": time.perf_counter() - before, "cpu": time.process_time() - cpu}
            np.asarray(results, dtype=np.float32).tofile(os.path.join(job["scratch"], kind + ".f32"))
        print(json.dumps(answer), file=pipe, flush=True)
