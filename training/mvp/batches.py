"""From mined lists to tensors: which candidates of a list are trained on this time, and their states. Apart from
train.py because evaluation and tests make batches too."""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch

from .data import Pool
from .mine import CandidateList
from .model import maxsim
from .states import States


@dataclass
class Batch:
    query: tuple[torch.Tensor, torch.Tensor]
    passages: tuple[torch.Tensor, torch.Tensor]
    n_of: torch.Tensor  # [Q]
    scores: torch.Tensor  # [Q, n, 3 or 4]: bm25, minilm, e5, and maxsim where the model has it
    shares: torch.Tensor  # [Q, 3 or 4]
    relevant: torch.Tensor  # [Q, n]
    counted: torch.Tensor
    mask: torch.Tensor
    cosine: torch.Tensor  # [rows]: minilm's, which is the base
    nearest: torch.Tensor | None = None  # [rows]: maxsim, a part of the base and a teacher

    def to(self, device) -> "Batch":
        move = lambda x: tuple(part.to(device) for part in x) if isinstance(x, tuple) else None if x is None else x.to(device)
        return Batch(**{name: move(value) for name, value in vars(self).items()})


class PoolStates:
    """States of a pool's queries and of its passages, which are kept a source a file."""

    def __init__(self, pool: Pool, queries: States, passages: dict[str, States]):
        self.queries, self.passages = queries, passages
        seen: dict[str, int] = {}
        self.place = []
        for passage in pool.passages:
            self.place.append((passage.source, seen.get(passage.source, 0)))
            seen[passage.source] = seen.get(passage.source, 0) + 1

    def gather(self, numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [self.passages[source].rows(at) for source, at in (self.place[i] for i in numbers)]
        lengths = torch.tensor([len(row) for row in rows])
        out = torch.zeros(len(rows), int(lengths.max()), *rows[0].shape[1:], dtype=torch.float16)
        target = out.numpy()
        for at, row in enumerate(rows):
            target[at, : len(row)] = row
        return out, lengths


def draw(one: CandidateList, size: int, hard: int, shares: np.ndarray, rng: Random) -> np.ndarray:
    """Positions in the list: up to two positives, the teachers' best, and a draw from the others."""
    spread = (one.scores - one.scores.mean(0)) / (one.scores.std(0) + 1e-6)
    best_first = np.argsort(-(spread * shares[: spread.shape[1]]).sum(1), kind="stable")
    positives = [int(i) for i in best_first if one.relevant[i]][:2]
    others = [int(i) for i in best_first if not one.relevant[i]]
    chosen = positives + others[: min(hard, size - len(positives))]
    rest = others[hard:]
    chosen += rng.sample(rest, min(len(rest), size - len(chosen))) if len(chosen) < size else []
    return np.array(chosen)


def make(lists: list[CandidateList], picks: list[np.ndarray], shares: list[np.ndarray], states: PoolStates,
         dtype=torch.bfloat16, maxsim_at: int | None = None) -> Batch:
    """maxsim_at: which of the kept layers it looks at; the fourth share is its weight as a teacher."""
    numbers = [int(i) for one, pick in zip(lists, picks) for i in one.passages[pick]]
    padded = lambda rows: torch.nn.utils.rnn.pad_sequence([torch.as_tensor(r) for r in rows], batch_first=True)
    n_of = torch.tensor([len(pick) for pick in picks])
    scores = padded([one.scores[pick] for one, pick in zip(lists, picks)])
    as_model = lambda pair: (pair[0].to(dtype), pair[1])
    n_teachers = 3 if maxsim_at is None else 4
    batch = Batch(query=as_model(states.queries.gather([one.query for one in lists])),
                 passages=as_model(states.gather(numbers)), n_of=n_of, scores=scores,
                 shares=torch.tensor(np.array(shares)[:, :n_teachers], dtype=torch.float32),
                 relevant=padded([one.relevant[pick] for one, pick in zip(lists, picks)]),
                 counted=padded([one.counted[pick] for one, pick in zip(lists, picks)]),
                 mask=torch.arange(scores.shape[1])[None, :] < n_of[:, None],
                 cosine=torch.cat([torch.as_tensor(one.scores[pick, 1]) for one, pick in zip(lists, picks)]))
    if maxsim_at is not None:
        add_maxsim(batch, maxsim_at)
    return batch


def add_maxsim(batch: Batch, at: int) -> None:
    list_of = torch.repeat_interleave(torch.arange(len(batch.n_of)), batch.n_of)
    (query, query_lengths), (passage, passage_lengths) = batch.query, batch.passages
    batch.nearest = maxsim(query[list_of, :, at], query_lengths[list_of], passage[:, :, at], passage_lengths)
    rows = torch.nn.utils.rnn.pad_sequence(list(batch.nearest.split(batch.n_of.tolist())), batch_first=True)
    batch.scores = torch.cat([batch.scores, rows[..., None]], dim=-1)
