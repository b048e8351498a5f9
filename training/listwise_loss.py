"""The importance-aware loss for listwise rerankers: tokens of the best passages' identifiers weigh more.

For the label "[a] > [b] > ...", each token of the r-th identifier weighs 1 + 1 / log2(r + 1) and each token of a
separator 1; the loss is the sum of the weighted negative log-likelihoods over the number of label tokens. After
arXiv 2412.14574, "Sliding Windows Are Not the End: Exploring Full Ranking with Long-Context Large Language Models".
"""
import torch
from torch.nn import functional

from listwise_label import token_weights

IGNORED = -100  # a position that is no label: prompt and padding, as torch and transformers have it


def encode_example(tokenizer, prompt_ids, label):
    """One training example as three lists of one length: input_ids, labels, weights.

    tokenizer is a fast one of transformers (it has to give offsets), prompt_ids are the prompt's ids with everything
    that comes before the answer, label is label_text()'s. The end-of-sequence token closes the label and weighs 1.
    """
    encoded = tokenizer(label, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), list(encoded["offset_mapping"])
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
        offsets.append((len(label), len(label)))
    return {
        "input_ids": list(prompt_ids) + ids,
        "labels": [IGNORED] * len(prompt_ids) + ids,
        "weights": [0.0] * len(prompt_ids) + token_weights(label, offsets),
    }


def collate(examples, pad_id):
    """A batch of tensors [n_examples, n_tokens], padded on the right: input_ids, attention_mask, labels, weights."""
    longest = max(len(example["input_ids"]) for example in examples)

    def padded(name, value, dtype):
        return torch.tensor([example[name] + [value] * (longest - len(example[name])) for example in examples],
                            dtype=dtype)

    n_tokens = torch.tensor([len(example["input_ids"]) for example in examples])
    return {
        "input_ids": padded("input_ids", pad_id, torch.long),
        "attention_mask": (torch.arange(longest) < n_tokens[:, None]).long(),
        "labels": padded("labels", IGNORED, torch.long),
        "weights": padded("weights", 0.0, torch.float32),
    }


def listwise_loss(logits, labels, weights, n_label_tokens=None):
    """The loss of a batch, a scalar to call backward() on.

    logits [n_examples, n_tokens, n_vocab] come from a causal model: those at a position say what follows it. labels
    [n_examples, n_tokens] are ids, or IGNORED; weights [n_examples, n_tokens] belong to the labels of the same places
    and are not looked at elsewhere. The sum is divided by the number of label tokens of the batch, or by
    n_label_tokens, which is for gradients that are gathered over several batches: their label tokens together.
    """
    if logits.shape[:2] != labels.shape or labels.shape != weights.shape:
        raise ValueError(f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}, weights {tuple(weights.shape)}")
    targets = labels[:, 1:]
    is_label = targets != IGNORED
    n = int(is_label.sum()) if n_label_tokens is None else n_label_tokens
    if n == 0:
        raise ValueError("no position has a label")
    # Prompts are long and vocabularies large: only what predicts a label is copied and widened.
    predictions = logits[:, :-1][is_label]
    if predictions.dtype in (torch.float16, torch.bfloat16):
        predictions = predictions.float()
    losses = functional.cross_entropy(predictions, targets[is_label], reduction="none")
    return (losses * weights[:, 1:][is_label].to(losses.dtype)).sum() / n
