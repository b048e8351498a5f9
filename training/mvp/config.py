"""A model's recipe, read from one TOML file. Unknown keys are refused: a misspelt setting would train something else."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from .model import MvpSettings
from .objective import Weights


@dataclass
class Training:
    seed: int = 1
    steps: int = 3000
    lists_a_step: int = 8
    list_size: int = 16
    hard: int = 6  # of a list's candidates, how many are the teachers' best; the others are drawn
    learning_rate: float = 2e-4
    head_learning_rate: float = 5e-4  # views, start, decoder and the scale of the cosine
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    amp: bool = True
    evaluate_every: int = 500
    evaluate_sources: list[str] = field(default_factory=lambda: ["scifact", "medquad", "selqa", "fairytaleqa"])
    evaluate_queries: int = 100  # a source
    evaluate_depth: int = 30
    max_minutes: float = 75.0
    share_of_lists: float = 1.0  # ablations train on a tenth


@dataclass
class Recipe:
    name: str
    data: dict
    mining: dict
    teachers: dict  # source -> shares of bm25, minilm, e5
    tokens: dict
    model: MvpSettings = field(default_factory=MvpSettings)
    weights: Weights = field(default_factory=Weights)
    training: Training = field(default_factory=Training)


def _make(kind, values: dict, where: str):
    unknown = set(values) - {f.name for f in fields(kind)}
    if unknown:
        raise ValueError(f"{where}: unknown settings {', '.join(sorted(unknown))}")
    return kind(**values)


def read(path: str | Path, changes: list[str] = ()) -> Recipe:
    """changes: `training.steps=300`, as the command line has them; values are TOML."""
    values = tomllib.loads(Path(path).read_text())
    for change in changes:
        name, _, text = change.partition("=")
        section, _, key = name.partition(".")
        values.setdefault(section, {})[key] = tomllib.loads(f"value = {text}")["value"]
    for section, kind in (("model", MvpSettings), ("weights", Weights), ("training", Training)):
        values[section] = _make(kind, values.get(section, {}), f"{path} [{section}]")
    return _make(Recipe, values, str(path))
