"""A BERT encoder in the few lines that training needs: every layer's input can be had, rows carry no padding cost
beyond their own batch, and matrix products run in the dtype asked for while the residual stream stays in f32.
Tensor names are Hugging Face's, so a checkpoint is a plain dictionary. Apart from model.py because the teachers
use it too."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class BertShape:
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_hidden_layers: int
    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float = 1e-12

    @classmethod
    def from_config(cls, config: dict) -> "BertShape":
        return cls(**{name: config[name] for name in cls.__dataclass_fields__ if name in config})

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads


class Projection(nn.Module):
    """The `dense` and `LayerNorm` pair that ends each half of a layer."""

    def __init__(self, n_in: int, shape: BertShape):
        super().__init__()
        self.dense = nn.Linear(n_in, shape.hidden_size)
        self.LayerNorm = nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_eps)

    def forward(self, inner: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(residual + matmul(self.dense, inner))


class SelfAttention(nn.Module):
    def __init__(self, shape: BertShape):
        super().__init__()
        d = shape.hidden_size
        self.query, self.key, self.value = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)


class Attention(nn.Module):
    def __init__(self, shape: BertShape):
        super().__init__()
        self.self = SelfAttention(shape)
        self.output = Projection(shape.hidden_size, shape)


class Intermediate(nn.Module):
    def __init__(self, shape: BertShape):
        super().__init__()
        self.dense = nn.Linear(shape.hidden_size, shape.intermediate_size)


class Layer(nn.Module):
    def __init__(self, shape: BertShape):
        super().__init__()
        self.n_heads = shape.num_attention_heads
        self.attention = Attention(shape)
        self.intermediate = Intermediate(shape)
        self.output = Projection(shape.intermediate_size, shape)

    def feed_forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(F.gelu(matmul(self.intermediate.dense, x)), x)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        n_rows, n_tokens, d = x.shape
        own = self.attention.self
        heads = [matmul(part, x).view(n_rows, n_tokens, self.n_heads, -1).transpose(1, 2)
                 for part in (own.query, own.key, own.value)]
        mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask)
        return self.feed_forward(self.attention.output(mixed.transpose(1, 2).reshape(n_rows, n_tokens, d), x))


class Bert(nn.Module):
    def __init__(self, shape: BertShape):
        super().__init__()
        self.shape = shape
        d = shape.hidden_size
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(shape.vocab_size, d)
        self.embeddings.position_embeddings = nn.Embedding(shape.max_position_embeddings, d)
        self.embeddings.token_type_embeddings = nn.Embedding(shape.type_vocab_size, d)
        self.embeddings.LayerNorm = nn.LayerNorm(d, eps=shape.layer_norm_eps)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))

    def embed(self, ids: torch.Tensor, types: torch.Tensor | None = None) -> torch.Tensor:
        tables = self.embeddings
        x = tables.word_embeddings(ids) + tables.position_embeddings.weight[: ids.shape[1]]
        x = x + (tables.token_type_embeddings.weight[0] if types is None else tables.token_type_embeddings(types))
        return tables.LayerNorm(x)

    def states(self, ids: torch.Tensor, lengths: torch.Tensor, types: torch.Tensor | None = None) -> list[torch.Tensor]:
        """The input of every layer and the output of the last: n_layers + 1 tensors [n_rows, n_tokens, d]."""
        mask = token_mask(lengths, ids.shape[1])
        attention_mask = None if bool(mask.all()) else mask[:, None, None, :]
        found = [self.embed(ids, types)]
        for layer in self.encoder.layer:
            found.append(layer(found[-1], attention_mask))
        return found


def matmul(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, linear.weight, linear.bias)


def token_mask(lengths: torch.Tensor, n_tokens: int) -> torch.Tensor:
    return torch.arange(n_tokens, device=lengths.device)[None, :] < lengths[:, None]


def mean_pool(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    mask = token_mask(lengths, x.shape[1])
    return (x * mask[:, :, None]).sum(1) / lengths[:, None]


def load_bert(folder: str | Path) -> tuple[Bert, dict]:
    """A Hugging Face BERT folder; names with and without the prefix `bert.` are taken."""
    from safetensors.torch import load_file

    config = json.loads((Path(folder) / "config.json").read_text())
    bert = Bert(BertShape.from_config(config))
    found = {name.removeprefix("bert."): value for name, value in load_file(Path(folder) / "model.safetensors").items()}
    bert.load_state_dict({name: found[name] for name in bert.state_dict()})
    return bert, config
