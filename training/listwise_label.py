"""Labels for listwise rerankers: the text a model has to write, and how much each of its tokens weighs.

Nothing here needs PyTorch. `rrk label` writes the records that label_text() reads; token_weights() is what the loss in
listwise_loss.py multiplies with.
"""
import math
import re

IDENTIFIER = re.compile(r"\[\d+\]")
SEPARATOR = " > "


def label_text(record):
    """The label of a record of `rrk label`: "[2] > [10] > [1]".

    record has "initial_list", the ids in the order in which the prompt shows them, and "final_list", the same ids with
    the best one first. An identifier is a passage's place in the prompt, from 1.
    """
    places = {docid: place for place, docid in enumerate(record["initial_list"], start=1)}
    ranking = record["final_list"]
    if len(places) != len(record["initial_list"]) or sorted(ranking) != sorted(places):
        raise ValueError(f"query {record.get('qid')}: final_list is no permutation of initial_list")
    return SEPARATOR.join(f"[{places[docid]}]" for docid in ranking)


def rank_weight(rank):
    """What a token of the identifier in place rank (from 1) weighs: 2 for the best, falling towards 1."""
    return 1 + 1 / math.log2(rank + 1)


def token_weights(label, offsets):
    """One weight for each token of a label.

    label is the text, offsets the (start, end) of each token in it, in characters and in order, as a tokenizer's offset
    mapping gives them. A token of the r-th identifier, brackets included, weighs 1 + 1 / log2(r + 1); any other one
    weighs 1: separators, and tokens without text such as the end of the sequence. Identifiers are found in the text, so
    this holds for every tokenizer, however it cuts numbers and whatever it glues to a bracket: a token that has a
    character of an identifier belongs to it, and one that has characters of two belongs to the better.
    """
    spans = [(match.start(), match.end(), rank_weight(rank))
             for rank, match in enumerate(IDENTIFIER.finditer(label), start=1)]
    weights = []
    at = 0  # the first identifier that does not end before the token at hand
    for start, end in offsets:
        if start == end:
            weights.append(1.0)
            continue
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        belongs = at < len(spans) and spans[at][0] < end
        weights.append(spans[at][2] if belongs else 1.0)
    return weights
