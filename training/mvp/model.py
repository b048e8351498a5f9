"""The reranker, as doc/mvp-bert.md lays it down: m views of every passage, one anchor a view, a passage's score the
mean of m dot products. `joint` runs views, query and passage as one row; `block` keeps the backbone's states of query
and passage as an embedding model makes them and lets only the views look at both.

Shapes: Q lists of n passages, m views, T tokens, d hidden. Padded candidates are masked, never scored."""

import copy
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .backbone import Bert, BertShape, Layer, matmul, mean_pool, token_mask

FIRST_VIEW_ID = 2  # [unused1] of the uncased BERT vocabulary; [unused0] is 1
HIDDEN = -1e4  # below every logit, and finite in bf16


@dataclass
class MvpSettings:
    attention: str = "block"  # or joint
    n_views: int = 4
    decoder_layers: int = 1
    view_from: int = 3
    view_kv: str = "own"
    score_scale: float | None = None  # None: 1/sqrt(d)
    cosine_scale: float = 20.0  # at the start; learnt
    maxsim_layer: int | None = None  # None: no such term; else the states that enter this layer, L for the last output
    maxsim_scale: float = 20.0  # at the start; learnt
    aggregation: str = "mean"  # max is for the ablation alone: rrk runs the mean
    train_backbone: bool = False

    def scale(self, d: int) -> float:
        return self.score_scale or 1 / math.sqrt(d)


class DecoderLayer(nn.Module):
    """One position looks at the n vectors of a view: cross-attention and feed-forward, each with a norm behind."""

    def __init__(self, shape: BertShape):
        super().__init__()
        d, ff, eps = shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps
        self.n_heads = shape.num_attention_heads
        self.cross = nn.ModuleDict({name: nn.Linear(d, d) for name in ("query", "key", "value", "output")})
        self.cross_norm = nn.LayerNorm(d, eps=eps)
        self.ffn = nn.ModuleDict({"in": nn.Linear(d, ff), "out": nn.Linear(ff, d)})
        self.ffn_norm = nn.LayerNorm(d, eps=eps)

    def forward(self, x: torch.Tensor, seen: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x [Q, m, d], seen [Q, m, n, d], mask [Q, n]: True where there is a passage."""
        split = lambda y: y.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)  # [..., heads, rows, d_head]
        q, k, v = (split(matmul(self.cross[name], y)) for name, y in
                   (("query", x[:, :, None]), ("key", seen), ("value", seen)))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, None, :])
        x = self.cross_norm(x + matmul(self.cross["output"], mixed.transpose(-3, -2).flatten(-2)[:, :, 0]))
        inner = F.gelu(matmul(self.ffn["in"], x))
        return self.ffn_norm(x + matmul(self.ffn["out"], inner))


class ViewLayer(Layer):
    """A backbone layer's twin. The tokens are only looked at, so their keys and values are never made: the view's
    query goes through the key's weights instead, and what was mixed goes through the value's. 48 rows of products
    (views x heads) stand for two projections of every token, and nothing flows back into the tokens."""

    def look(self, views: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """views [B, m, d], tokens [B, T, d], mask [B, T]. One softmax over m + T keys, per head."""
        n_rows, m, d = views.shape
        own, n_heads = self.attention.self, self.n_heads
        asked = matmul(own.query, views).unflatten(-1, (n_heads, -1)) / math.sqrt(d // n_heads)
        # The key's bias adds the same to all keys of a softmax: left out.
        reach = torch.einsum("bmhe,hed->bmhd", asked, own.key.weight.unflatten(0, (n_heads, -1)).to(asked.dtype))
        reach = reach.flatten(1, 2)
        tokens, views_now = tokens.to(reach.dtype), views.to(reach.dtype)
        hidden = torch.where(mask, 0.0, HIDDEN)[:, None, :]
        logits = torch.cat([reach @ views_now.transpose(1, 2), reach @ tokens.transpose(1, 2) + hidden], dim=-1)
        weights = wide(logits).softmax(-1).to(reach.dtype)
        mixed = weights[..., :m] @ views_now + weights[..., m:] @ tokens
        values = own.value.weight.unflatten(0, (n_heads, -1)).to(mixed.dtype)
        out = torch.einsum("bmhd,hed->bmhe", mixed.unflatten(1, (m, n_heads)), values).flatten(2) + own.value.bias
        return self.feed_forward(self.attention.output(out, views))


def wide(x: torch.Tensor) -> torch.Tensor:
    """f32 at least: sums over lists, softmaxes and scores are not left to bf16."""
    return x if x.dtype == torch.float64 else x.float()


def maxsim(query: torch.Tensor, query_lengths: torch.Tensor, passage: torch.Tensor, passage_lengths: torch.Tensor):
    """How near every token of the query comes to some token of the passage: the mean over the query's tokens, without
    [CLS] and [SEP], of the largest cosine with any token of the passage. Rows are pairs; 0 for an empty query."""
    cosines = F.normalize(wide(query), dim=-1) @ F.normalize(wide(passage), dim=-1).transpose(1, 2)
    best = cosines.masked_fill(~token_mask(passage_lengths, passage.shape[1])[:, None, :], -1).amax(-1)
    inside = token_mask(query_lengths - 1, query.shape[1])
    inside[:, 0] = False
    return (best * inside).sum(1) / inside.sum(1).clamp(min=1)


@dataclass
class Scores:
    scores: torch.Tensor  # [Q, n]
    views: torch.Tensor  # [Q, n, m], base included
    anchors: torch.Tensor  # [Q, m, d]
    base: torch.Tensor  # [Q, n]


class MvpBert(nn.Module):
    def __init__(self, backbone: Bert, settings: MvpSettings):
        super().__init__()
        self.settings, self.backbone, self.shape = settings, backbone, backbone.shape
        d = self.shape.hidden_size
        self.mvp = nn.Module()
        self.mvp.start = nn.Parameter(torch.zeros(d))
        self.mvp.decoder = nn.ModuleList(DecoderLayer(self.shape) for _ in range(settings.decoder_layers))
        if settings.attention == "block":
            self.mvp.views = nn.Parameter(torch.zeros(settings.n_views, d))
            self.mvp.view_layer = nn.ModuleDict({str(i): ViewLayer(self.shape) for i in
                                                 range(settings.view_from, self.shape.num_hidden_layers)})
            self.log_cosine_scale = nn.Parameter(torch.tensor(math.log(settings.cosine_scale)))
            if settings.maxsim_layer is not None:
                self.log_maxsim_scale = nn.Parameter(torch.tensor(math.log(settings.maxsim_scale)))
            backbone.requires_grad_(settings.train_backbone)
        self.reset()

    def reset(self) -> None:
        """View layers begin as the backbone's; anchors begin small, so that `block` begins at the embedding's order."""
        with torch.no_grad():
            nn.init.normal_(self.mvp.start, std=0.3)
            for layer in self.mvp.decoder:
                for linear in (*layer.cross.values(), *layer.ffn.values()):
                    nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.in_features))
                    nn.init.zeros_(linear.bias)
            if self.settings.attention == "block":
                nn.init.normal_(self.mvp.views, std=0.5)
                for number, layer in self.mvp.view_layer.items():
                    layer.load_state_dict(copy.deepcopy(self.backbone.encoder.layer[int(number)].state_dict()))
                self.mvp.decoder[-1].ffn_norm.weight.fill_(0.1)

    @property
    def cosine_scale(self) -> torch.Tensor:
        return self.log_cosine_scale.exp()

    def block(self, query: tuple, passages: tuple, n_of: torch.Tensor, cosine: torch.Tensor | None = None,
              nearest: torch.Tensor | None = None) -> Scores:
        """query: states [Q, T, L - f + 1, d] and lengths [Q]; passages: the same for all lists' rows one after the
        other, n_of [Q] of them a list. cosine and nearest [rows]: the parts of the base, if they are known."""
        (q_states, q_lengths), (p_states, p_lengths) = query, passages
        list_of = torch.repeat_interleave(torch.arange(len(n_of), device=n_of.device), n_of)
        mask = torch.cat([token_mask(q_lengths, q_states.shape[1])[list_of],
                          token_mask(p_lengths, p_states.shape[1])], dim=1)
        views = self.mvp.views.expand(len(list_of), -1, -1)
        for at, layer in enumerate(self.mvp.view_layer.values()):
            views = layer.look(views, torch.cat([q_states[list_of, :, at], p_states[:, :, at]], dim=1), mask)
        if cosine is None:
            cosine = F.cosine_similarity(mean_pool(wide(q_states[:, :, -1]), q_lengths)[list_of],
                                         mean_pool(wide(p_states[:, :, -1]), p_lengths), dim=-1)
        base = self.cosine_scale * cosine
        if self.settings.maxsim_layer is not None:
            if nearest is None:
                at = self.settings.maxsim_layer - self.settings.view_from
                nearest = maxsim(q_states[list_of, :, at], q_lengths[list_of], p_states[:, :, at], p_lengths)
            base = base + self.log_maxsim_scale.exp() * nearest
        return self.judge(views, n_of, base)

    def joint(self, ids: torch.Tensor, lengths: torch.Tensor, types: torch.Tensor, n_of: torch.Tensor) -> Scores:
        last = self.backbone.states(ids, lengths, types)[-1]
        return self.judge(last[:, 1 : 1 + self.settings.n_views], n_of, None)

    def judge(self, views: torch.Tensor, n_of: torch.Tensor, base: torch.Tensor | None) -> Scores:
        """views [rows, m, d] of all lists one after the other."""
        rows = [part.transpose(0, 1) for part in wide(views).split(n_of.tolist())]
        seen = nn.utils.rnn.pad_sequence([row.transpose(0, 1) for row in rows], batch_first=True).transpose(1, 2)
        mask = token_mask(n_of, seen.shape[2])
        x = self.mvp.start.expand(len(n_of), self.settings.n_views, -1)
        for layer in self.mvp.decoder:
            x = layer(x, seen, mask)
        fit = torch.einsum("qmd,qmnd->qnm", wide(x), seen) * self.settings.scale(self.shape.hidden_size)
        if base is None:
            base = fit.new_zeros(mask.shape)
        else:
            base = nn.utils.rnn.pad_sequence(list(base.split(n_of.tolist())), batch_first=True)
        scores = fit.mean(-1) if self.settings.aggregation == "mean" else fit.amax(-1)
        return Scores(base + scores, base[..., None] + fit, x, base)

    def config_keys(self) -> dict:
        """What doc/mvp-bert.md has in config.json beside the backbone's keys."""
        settings = self.settings
        if settings.aggregation != "mean":
            raise ValueError("rrk takes the mean of the views; a model of another aggregation cannot be exported")
        keys = {"architectures": ["RrkMvpBert"], "n_views": settings.n_views, "mvp_attention": settings.attention,
                "mvp_decoder_layers": settings.decoder_layers,
                "mvp_score_scale": settings.scale(self.shape.hidden_size)}
        if settings.attention == "block":
            keys |= {"mvp_cosine_scale": self.cosine_scale.item(), "mvp_view_from": settings.view_from,
                     "mvp_view_kv": settings.view_kv}
            if settings.maxsim_layer is not None:
                keys |= {"mvp_maxsim_layer": settings.maxsim_layer,
                         "mvp_maxsim_scale": self.log_maxsim_scale.exp().item()}
        return keys

    def tensors(self) -> dict[str, torch.Tensor]:
        """Under the names of doc/mvp-bert.md, f32."""
        found = {f"mvp.{name}": value for name, value in self.mvp.state_dict().items()}
        found |= self.backbone.state_dict()
        return {name: value.detach().float().cpu().contiguous() for name, value in found.items()}

    def settings_dict(self) -> dict:
        return asdict(self.settings)
