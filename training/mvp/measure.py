"""nDCG@10 over binary labels, for choosing checkpoints while training; what is reported goes through `rrk eval`."""

import math

import numpy as np


def ndcg(order: np.ndarray, relevant: np.ndarray, n_relevant: int, cut: int = 10) -> float:
    """order: candidate positions, best first; n_relevant counts those that are not among the candidates as well."""
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(cut, n_relevant)))
    if not ideal:
        return 0.0
    return sum(1 / math.log2(rank + 2) for rank, at in enumerate(order[:cut]) if relevant[at]) / ideal


def mean_ndcg(scored: list[tuple[np.ndarray, np.ndarray, int]]) -> float:
    """scored: (scores, relevant, n_relevant) a query."""
    return float(np.mean([ndcg(np.argsort(-s, kind="stable"), r, n) for s, r, n in scored])) if scored else 0.0
