#!/usr/bin/env python3
"""convert_checkpoint.py FOLDER [-o FOLDER] [--dtype f32|f16|bf16]: pytorch_model.bin becomes model.safetensors.

rrk reads safetensors only: a pickle is a program, and loading one runs it. Here it is loaded with weights_only=True,
which refuses whatever is not a tensor, so nothing of a stranger's file is executed. Sharded checkpoints
(pytorch_model.bin.index.json) become one file. Tensors that share memory, as tied embeddings do, are written once,
under the name with the fewest dots (a head's comes last); the others are listed. Types are kept unless --dtype is
given, which changes floating-point tensors alone. A model.safetensors that is there is replaced with --force only.

Needs PyTorch 2.6 or newer for reading the pickle: older ones can be made to run code in spite of weights_only.
"""
import argparse
import json
import os
import pathlib
import re
import struct
import sys
import warnings

SINGLE, INDEX, OUTPUT = "pytorch_model.bin", "pytorch_model.bin.index.json", "model.safetensors"
MAX_INDEX_BYTES = 64 << 20
ALIGNMENT = 8  # of the data behind the header, as the format has it
OLDEST_TORCH = (2, 6)
DTYPES = ("f32", "f16", "bf16")


class Refused(Exception):
    """What a person is told in one line."""


def import_torch():
    try:
        import torch
    except ImportError:
        raise Refused("PyTorch is needed to read the checkpoint: pip install torch") from None
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < OLDEST_TORCH:
        raise Refused(f"PyTorch {torch.__version__} may run code of a checkpoint, {OLDEST_TORCH[0]}.{OLDEST_TORCH[1]} "
                      "or newer is needed")
    return torch


def checkpoint_files(folder):
    """The files of the checkpoint, one or the shards that the index names."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if not (folder / INDEX).is_file():
        raise Refused(f"{folder} has neither {SINGLE} nor {INDEX}")
    if (folder / INDEX).stat().st_size > MAX_INDEX_BYTES:
        raise Refused(f"{folder / INDEX} is larger than {MAX_INDEX_BYTES} bytes")
    try:
        names = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Refused(f"{folder / INDEX} is no index of shards") from None
    for name in names:
        if not isinstance(name, str) or pathlib.PurePath(name).name != name or not (folder / name).is_file():
            raise Refused(f"{INDEX} names {name!r}, which is not a file beside it")
    if not names:
        raise Refused(f"{folder / INDEX} names no shard")
    return [folder / name for name in names]


def load(torch, path):
    """The tensors of one file by name. Nothing in it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its unpickler happens to raise
        # Its own message advises to load the file without the check, which nobody should.
        what = re.search(r"[Uu]nsupported [\w ]+:? ?[\w. ]*", str(error))
        raise Refused(f"{path}: not loaded, it is damaged or holds more than tensors "
                      f"({what.group(0).strip()[:120] if what else type(error).__name__})") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise Refused(f"{path}: a {type(state).__name__} and no table of tensors")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise Refused(f"{path}: {name!r} is a {type(tensor).__name__} and no tensor")
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise Refused(f"{path}: tensor '{name}' is sparse or quantised, which safetensors does not hold")
    return state


def without_shared(state):
    """(tensors, {dropped name: kept name}): a view of the same memory in the same shape is the same tensor."""
    kept, dropped, seen = {}, {}, {}
    for name in sorted(state, key=lambda name: (name.startswith("lm_head"), name.count("."), name)):
        tensor = state[name]
        place = (tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)
        if tensor.numel() and place in seen:
            dropped[name] = seen[place]
            continue
        seen[place] = name
        kept[name] = tensor
    return dict(sorted(kept.items())), dropped


def format_names(torch):
    return {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
            torch.int8: "I8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64", torch.uint8: "U8",
            torch.bool: "BOOL"}


def tensor_bytes(torch, tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def write(torch, tensors, path):
    """safetensors: the header's length in 8 bytes, the header, the data end to end. Appears when it is complete."""
    names, header, at = format_names(torch), {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        if tensor.dtype not in names:
            raise Refused(f"tensor '{name}' is of type {tensor.dtype}, which safetensors does not hold")
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors.values():
                out.write(tensor_bytes(torch, tensor))
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Refused(f"cannot write {path}: {error.strerror}") from None
    return 8 + len(text) + at


def convert(folder, output, dtype=None, force=False, say=print):
    """Returns the path that was written."""
    target = output / OUTPUT
    if not folder.is_dir():
        raise Refused(f"there is no folder {folder}")
    if target.exists() and not force:
        raise Refused(f"{target} is there already (--force replaces it)")
    files = checkpoint_files(folder)
    torch = import_torch()
    state = {}
    for path in files:
        for name, tensor in load(torch, path).items():
            if name in state:
                raise Refused(f"{path}: tensor '{name}' is in another shard too")
            state[name] = tensor
        say(f"{path.name}: read")
    if not state:
        raise Refused(f"{folder} has a checkpoint without tensors")
    tensors, dropped = without_shared(state)
    for name, same in sorted(dropped.items()):
        say(f"{name}: shares its memory with {same}, left out")
    if dtype:
        wanted = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[dtype]
        n_changed = sum(t.is_floating_point() and t.dtype != wanted for t in tensors.values())
        tensors = {n: t.to(wanted) if t.is_floating_point() else t for n, t in tensors.items()}
        for name, tensor in tensors.items():
            if dtype == "f16" and state[name].isfinite().all() and not tensor.isfinite().all():
                raise Refused(f"tensor '{name}' has values that f16 cannot hold; bf16 can")
        say(f"{n_changed} tensors converted to {dtype}")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"cannot make {output}: {error.strerror}") from None
    n_bytes = write(torch, tensors, target)
    n_values = sum(tensor.numel() for tensor in tensors.values())
    say(f"{target}: {len(tensors)} tensors, {n_values:,} values, {n_bytes / 1e6:,.1f} MB")
    return target


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="a model in Hugging Face's layout")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="where model.safetensors goes (the same folder)")
    parser.add_argument("--dtype", choices=DTYPES, help="of floating-point tensors (as they are)")
    parser.add_argument("--force", action="store_true", help="replace a model.safetensors that is there")
    given = parser.parse_args(arguments)
    try:
        convert(given.folder, given.output or given.folder, given.dtype, given.force)
    except Refused as refusal:
        print(f"convert_checkpoint: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
