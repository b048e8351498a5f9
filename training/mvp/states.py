"""Frozen states, computed once: for each text the inputs of the backbone's layers from `first` on and the output of
the last, f16, in one file that is mapped and not read. With the backbone frozen nothing a training step does changes
them, which is what makes a step cheap. Apart from teachers.py because these are by far the largest thing kept:
768 bytes a token and layer at MiniLM's size."""

import json
from pathlib import Path

import numpy as np
import torch

from .backbone import Bert
from .teachers import length_batches, pad

BATCH_TOKENS = 4096
ALL_DONE = 10**9


class States:
    """rows(i) is [n_tokens, n_kept, d], kept layer `first` foremost and the backbone's output last."""

    def __init__(self, folder: Path):
        about = json.loads((folder / "about.json").read_text())
        self.first, self.d, self.n_kept = about["first"], about["d"], about["n_kept"]
        self.offsets = np.load(folder / "offsets.npy")
        shape = (int(self.offsets[-1]), self.n_kept, self.d)
        self.data = np.memmap(folder / "states.f16", np.float16, "r", shape=shape)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def rows(self, i: int) -> np.ndarray:
        return self.data[self.offsets[i] : self.offsets[i + 1]]

    def gather(self, numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """[n, longest, n_kept, d] in f16, padded with zeros, and the lengths."""
        lengths = torch.tensor([int(self.offsets[i + 1] - self.offsets[i]) for i in numbers])
        out = torch.zeros(len(numbers), int(lengths.max()), self.n_kept, self.d, dtype=torch.float16)
        target = out.numpy()
        for at, i in enumerate(numbers):
            target[at, : lengths[at]] = self.rows(i)
        return out, lengths


def finished(folder: Path) -> bool:
    return (folder / "done").exists() and int((folder / "done").read_text()) == ALL_DONE


@torch.inference_mode()
def compute(bert: Bert, rows: list[list[int]], folder: Path, first: int, device="cpu", progress=None) -> States:
    """Resumable: `done` counts the batches that are on disk, and batches depend on the rows alone."""
    folder.mkdir(parents=True, exist_ok=True)
    d, n_kept = bert.shape.hidden_size, bert.shape.num_hidden_layers + 1 - first
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    np.save(folder / "offsets.npy", offsets)
    (folder / "about.json").write_text(json.dumps({"first": first, "d": d, "n_kept": n_kept}))
    path, done_path = folder / "states.f16", folder / "done"
    n_done = int(done_path.read_text()) if done_path.exists() else 0
    data = np.memmap(path, np.float16, "r+" if path.exists() else "w+", shape=(int(offsets[-1]), n_kept, d))
    bert.to(device).eval()
    for number, batch in enumerate(length_batches(rows, BATCH_TOKENS)):
        if number < n_done:
            continue
        ids, lengths = (part.to(device) for part in pad([rows[i] for i in batch]))
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            found = bert.states(ids, lengths)[first:]
        kept = torch.stack([state.half() for state in found], dim=2).cpu().numpy()
        for at, i in enumerate(batch):
            data[offsets[i] : offsets[i + 1]] = kept[at, : len(rows[i])]
        if number % 10 == 0:
            data.flush()
            done_path.write_text(str(number))
        if progress:
            progress(int(lengths.sum()))
    data.flush()
    done_path.write_text(str(ALL_DONE))
    return States(folder)
