"""Trains `block` over kept states. Resumable: a checkpoint is everything that the next step depends on, so a run that
was interrupted ends where it would have. Writes a line of JSON for every few steps; plot.py makes the picture."""

import argparse
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch

from . import batches, config, measure, mine, objective
from .backbone import load_bert
from .data import Pool
from .model import MvpBert
from .states import States

LOG_EVERY = 20
SAVE_EVERY = 100


class Data:
    """What prepare.py left in the cache, cut into lists that train and lists that choose."""

    def __init__(self, recipe: config.Recipe, cache: Path):
        self.pool = Pool.read(cache / "pool")
        sources = {p.source for p in self.pool.passages}
        self.states = batches.PoolStates(self.pool, States(cache / "states-queries"),
                                         {s: States(cache / f"states-{s}") for s in sources})
        self.shares = {s: np.array(recipe.teachers[s], np.float32) for s in sources}
        self.by_split: dict[str, list[mine.CandidateList]] = {"train": [], "choose": [], "test": []}
        for one in mine.load(cache / "lists.npz"):
            self.by_split[self.query(one).split].append(one)
        keep = random.Random(recipe.training.seed)
        share = recipe.training.share_of_lists
        if share < 1:
            self.by_split["train"] = keep.sample(self.by_split["train"], int(share * len(self.by_split["train"])))

        layer = recipe.model.maxsim_layer
        self.maxsim_at = None if layer is None else layer - recipe.model.view_from

    def batch(self, lists: list, picks: list, dtype=torch.bfloat16) -> batches.Batch:
        return batches.make(lists, picks, [self.shares_of(one) for one in lists], self.states, dtype, self.maxsim_at)

    def query(self, one: mine.CandidateList):
        return self.pool.queries[one.query]

    def shares_of(self, one: mine.CandidateList) -> np.ndarray:
        return self.shares[self.query(one).source]


def parameter_groups(model: MvpBert, training: config.Training) -> list[dict]:
    groups: dict[tuple, list] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            deep = name.startswith(("mvp.view_layer", "backbone"))  # begins at what is good already
            rate = training.learning_rate if deep else training.head_learning_rate
            groups.setdefault((rate, training.weight_decay if parameter.dim() > 1 else 0.0), []).append(parameter)
    return [{"params": found, "lr": rate, "base": rate, "weight_decay": decay}
            for (rate, decay), found in groups.items()]


def rate_at(step: int, steps: int, warmup: float) -> float:
    start = max(1, int(warmup * steps))
    return step / start if step < start else max(0.0, 0.5 * (1 + math.cos(math.pi * (step - start) / (steps - start))))


@torch.inference_mode()
def evaluate(model: MvpBert, data: Data, training: config.Training, device, split="choose") -> dict[str, float]:
    """nDCG@10 a source over BM25's best, for the model and for the base it started from."""
    model.eval()
    found: dict[str, list] = {}
    for one in data.by_split[split]:
        query = data.query(one)
        if query.source not in training.evaluate_sources:
            continue
        scored = found.setdefault(query.source, [])
        if len(scored) >= training.evaluate_queries:
            continue
        pick = np.argsort(-one.scores[:, 0], kind="stable")[: training.evaluate_depth]
        batch = data.batch([one], [pick]).to(device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=training.amp):
            scores = model.block(batch.query, batch.passages, batch.n_of, batch.cosine, batch.nearest).scores[0]
        scored.append((scores.float().cpu().numpy(), one.relevant[pick], len(query.positives), one.scores[pick]))
    model.train()
    out = {}
    for source, rows in found.items():
        out[source] = measure.mean_ndcg([row[:3] for row in rows])
        for column, name in enumerate(("bm25", "minilm", "e5")):
            out[f"{source}.{name}"] = measure.mean_ndcg([(row[3][:, column], row[1], row[2]) for row in rows])
    return out


class Run:
    def __init__(self, recipe: config.Recipe, data: Data, backbone: str, out: Path, device: str):
        self.recipe, self.data, self.out, self.device = recipe, data, out, device
        self.training = recipe.training
        torch.manual_seed(self.training.seed)
        self.rng = random.Random(self.training.seed)
        self.model = MvpBert(load_bert(backbone)[0], recipe.model).to(device)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, self.training), betas=(0.9, 0.98))
        self.step, self.seconds, self.best, self.queue = 0, 0.0, -1.0, []
        out.mkdir(parents=True, exist_ok=True)

    def trained(self) -> dict[str, torch.Tensor]:
        names = {name for name, parameter in self.model.named_parameters() if parameter.requires_grad}
        return {name: value for name, value in self.model.state_dict().items() if name in names}

    def save(self, name: str) -> None:
        state = {"trained": self.trained(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                 "seconds": self.seconds, "best": self.best, "queue": self.queue, "rng": self.rng.getstate(),
                 "torch": torch.get_rng_state()}
        torch.save(state, self.out / f"{name}.tmp")
        (self.out / f"{name}.tmp").replace(self.out / f"{name}.pt")

    def resume(self) -> None:
        path = self.out / "last.pt"
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=False)
            self.model.load_state_dict(state["trained"], strict=False)
            self.optimizer.load_state_dict(state["optimizer"])
            self.rng.setstate(state["rng"])
            torch.set_rng_state(state["torch"].cpu())
            for name in ("step", "seconds", "best", "queue"):
                setattr(self, name, state[name])

    def log(self, line: dict) -> None:
        text = json.dumps({"step": self.step, "seconds": round(self.seconds, 1), **line})
        print(text, flush=True)
        with open(self.out / "log.jsonl", "a") as file:
            file.write(text + "\n")

    def next_lists(self) -> list[mine.CandidateList]:
        lists = self.data.by_split["train"]
        n = self.training.lists_a_step
        if len(self.queue) < n:
            self.queue = list(range(len(lists)))
            self.rng.shuffle(self.queue)
        taken, self.queue = self.queue[:n], self.queue[n:]
        return [lists[i] for i in taken]

    def losses(self) -> dict[str, torch.Tensor]:
        lists = self.next_lists()
        picks = [batches.draw(one, self.training.list_size, self.training.hard, self.data.shares_of(one), self.rng)
                 for one in lists]
        batch = self.data.batch(lists, picks).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.training.amp):
            found = self.model.block(batch.query, batch.passages, batch.n_of, batch.cosine, batch.nearest)
        teacher = objective.ensemble(batch.scores, batch.mask, batch.shares)
        return objective.list_losses(found.scores.float(), found.anchors, teacher, batch.relevant, batch.counted,
                                     batch.mask, self.recipe.weights)

    def take_step(self) -> dict[str, float]:
        rate = rate_at(self.step, self.training.steps, self.training.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * rate
        losses = self.losses()
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]],
                                       self.training.clip)
        self.optimizer.step()
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def choose(self) -> None:
        found = evaluate(self.model, self.data, self.training, self.device)
        sources = [name for name in found if "." not in name]
        mean = sum(found[name] for name in sources) / len(sources)
        self.log({"chosen_by": round(mean, 5), "ndcg": {k: round(v, 4) for k, v in found.items()}})
        if mean > self.best:
            self.best = mean
            self.save("best")

    def run(self) -> None:
        training, sums = self.training, {}
        if self.step == 0:
            self.choose()
        while self.step < training.steps and self.seconds < training.max_minutes * 60:
            started = time.process_time()
            for name, value in self.take_step().items():
                sums[name] = sums.get(name, 0.0) + value / LOG_EVERY
            self.seconds += time.process_time() - started
            if self.step % LOG_EVERY == 0:
                self.log({"loss": {k: round(v, 4) for k, v in sums.items()},
                          "cosine_scale": round(self.model.cosine_scale.item(), 3)})
                sums = {}
            if self.step % training.evaluate_every == 0 or self.step == training.steps:
                self.choose()
            if self.step % SAVE_EVERY == 0 or self.step == training.steps:
                self.save("last")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--cache", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--backbone", required=True, help="all-MiniLM-L6-v2 in Hugging Face's layout")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and the log; outside the working tree")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="a setting to change, as training.steps=300")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = config.read(options.config, options.set)
    run = Run(recipe, Data(recipe, options.cache), options.backbone, options.out, options.device)
    run.resume()
    run.run()


if __name__ == "__main__":
    main()
