"""The card's ablations: the recipe with one thing changed, on a tenth of its lists and steps, a few seeds each; nDCG@10
of the lists that choose, mean and standard deviation. A variant that was measured is not run again."""

import argparse
import copy
import json
import statistics
from pathlib import Path

import torch

from . import config
from .train import Data, Run, evaluate

VARIANTS = {
    "recipe": [],
    "1 view": ["model.n_views=1"],
    "2 views": ["model.n_views=2"],
    "no orthogonality": ["weights.orthogonality=0.0"],
    "no teachers": ["weights.teacher=0.0", "weights.order=0.0"],
    "no labels": ["weights.label=0.0"],
    "max of the views": ['model.aggregation="max"'],
    "no nearest tokens": ["model.maxsim_layer=99"],  # replaced by None: TOML has no such value
    "untrained": ["training.steps=0"],
}


def recipe_of(path: str, changes: list[str], seed: int, tenth: float) -> config.Recipe:
    recipe = config.read(path, [*changes, f"training.seed={seed}", f"training.share_of_lists={tenth}"])
    recipe.training.steps = int(recipe.training.steps * tenth)
    recipe.training.evaluate_every = 10**9
    if recipe.model.maxsim_layer == 99:
        recipe.model.maxsim_layer = None
    return recipe


def measure(recipe: config.Recipe, options, out: Path) -> float:
    data = Data(recipe, options.cache)
    run = Run(recipe, data, options.backbone, out, options.device)
    while run.step < recipe.training.steps:
        run.take_step()
    found = evaluate(run.model, data, recipe.training, options.device)
    return statistics.mean(value for name, value in found.items() if "." not in name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--out", type=Path, required=True, help="results.json is kept here")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "results.json"
    results: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.exists() else {}
    for name in options.only:
        seen = results.setdefault(name, {})
        for seed in range(1, options.seeds + 1):
            if str(seed) not in seen:
                recipe = recipe_of(options.config, copy.copy(VARIANTS[name]), seed, options.share)
                seen[str(seed)] = measure(recipe, options, options.out / "run")
                path.write_text(json.dumps(results, indent=2) + "\n")
    print("| variant | nDCG@10 | seeds |\n|---|---|---|")
    for name, seen in results.items():
        values = list(seen.values())
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"| {name} | {statistics.mean(values):.4f} ± {spread:.4f} | {len(values)} |")


if __name__ == "__main__":
    main()
