"""What a list of scores is held to. Three voices, each a distribution over the list that the student's softmax has to
match: the order (labels first, then the teachers, as published), the teachers' own scores, and the labels alone;
and a term that keeps the anchors of the views apart. Apart from train.py so that it can be tested on toys."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

ORDER_TEMPERATURE = 0.8  # of the published target and of the published loss


@dataclass
class Weights:
    order: float = 0.5
    teacher: float = 1.0
    label: float = 0.5
    orthogonality: float = 0.1
    teacher_temperature: float = 0.5  # over teacher scores in spreads of their list


def order_target(ranks: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """softmax((1 / rank) / 0.8) over the list; ranks from 1."""
    return (1 / ranks / ORDER_TEMPERATURE).masked_fill(~mask, float("-inf")).softmax(-1)


def order_logits(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The published loss takes softmax(score / 0.8), which asks for scores as narrow as 1 / rank. A score that begins
    as a scaled cosine has a scale of its own, so it is brought to the spread of 1 / rank over the list first."""
    ranks = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype).expand_as(scores)
    inverse = (1 / ranks).masked_fill(~mask, 0)
    n = mask.sum(-1, keepdim=True)
    mean = inverse.sum(-1, keepdim=True) / n
    spread = ((inverse - mean).masked_fill(~mask, 0).square().sum(-1, keepdim=True) / n).sqrt()
    return spread_scores(scores, mask) * spread / ORDER_TEMPERATURE


def cross_entropy(target: torch.Tensor, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A value a list. Candidates outside the mask have neither target nor logit."""
    logs = logits.masked_fill(~mask, float("-inf")).log_softmax(-1).masked_fill(~mask, 0.0)
    return -(target.masked_fill(~mask, 0.0) * logs).sum(-1)


def divergence(target: torch.Tensor, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The cross-entropy less the target's own: zero where the student agrees, so that losses of lists compare."""
    own = torch.special.entr(target.masked_fill(~mask, 0.0)).sum(-1)
    return cross_entropy(target, logits, mask) - own


def orthogonality(anchors: torch.Tensor) -> torch.Tensor:
    """anchors [Q, m, d]: the squared Frobenius norm of A Aᵀ - I with rows of unit length, a value a list."""
    unit = F.normalize(anchors.float(), dim=-1)
    gram = unit @ unit.transpose(-2, -1)
    return (gram - torch.eye(gram.shape[-1], device=gram.device)).square().sum((-2, -1))


def spread_scores(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Each list's scores less their mean, over their spread: teachers of different scales can be added."""
    n = mask.sum(-1, keepdim=True)
    mean = scores.masked_fill(~mask, 0).sum(-1, keepdim=True) / n
    centred = (scores - mean).masked_fill(~mask, 0)
    # Under the root: a list of equal scores has a gradient too.
    return centred / (centred.square().sum(-1, keepdim=True) / n + 1e-12).sqrt()


def ensemble(scores: torch.Tensor, mask: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """scores [Q, n, teachers], shares [Q, teachers]: the weighted mean of the teachers' spread scores, spread again."""
    each = torch.stack([spread_scores(scores[..., i], mask) for i in range(scores.shape[-1])], dim=-1)
    return spread_scores((each * shares[:, None, :]).sum(-1), mask)


def ranks_of(teacher: torch.Tensor, relevant: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    key = (teacher + 1e3 * relevant).masked_fill(~mask, float("-inf"))
    return key.argsort(-1, descending=True).argsort(-1).to(teacher.dtype) + 1


def list_losses(scores, anchors, teacher, relevant, counted, mask, weights: Weights) -> dict[str, torch.Tensor]:
    """Means over the lists; `label` over those that have a relevant and an irrelevant candidate."""
    ranks = ranks_of(teacher, relevant & mask, mask)
    soft = (teacher / weights.teacher_temperature).masked_fill(~mask, float("-inf")).softmax(-1)
    losses = {"order": divergence(order_target(ranks, mask), order_logits(scores, mask), mask).mean(),
              "teacher": divergence(soft, scores, mask).mean(),
              "orthogonality": orthogonality(anchors).mean()}
    labelled = (relevant & mask).any(-1) & (mask & ~relevant & counted).any(-1)
    if labelled.any():
        kept = (mask & (counted | relevant))[labelled]
        target = (relevant & mask)[labelled].to(scores.dtype)
        target = target / target.sum(-1, keepdim=True)
        losses["label"] = cross_entropy(target, scores[labelled], kept).mean()
    else:
        losses["label"] = scores.new_zeros(())
    losses["total"] = sum(getattr(weights, name) * value for name, value in losses.items())
    return losses
