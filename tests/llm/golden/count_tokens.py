#!/usr/bin/env python3
"""count_tokens.py CANDIDATES LITELLM MISTRAL: what real tokenizers make of each query's passages, as dl19_tokens.tsv.

CANDIDATES is candidates.bm25.jsonl of TREC DL 2019; LITELLM and MISTRAL are the unpacked wheels of the packages litellm and
mistral-common, which carry the vocabularies; tiktoken, sentencepiece and tokenizers read them. Counts are without special
tokens, summed over a query's passages, each encoded by itself."""
import base64
import json
import pathlib
import sys

import sentencepiece
import tiktoken
import tokenizers

CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
          r"|\s+(?!\S)|\s")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = "|".join([rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{TAIL}", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{TAIL}",
                  r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def bpe(ranks, pattern):
    encoding = tiktoken.Encoding("x", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def tiktoken_file(path, pattern):
    pairs = (line.split() for line in path.read_bytes().splitlines() if line.strip())
    return bpe({base64.b64decode(token): int(rank) for token, rank in pairs}, pattern)


def tekken_file(path):
    data = json.loads(path.read_text(encoding="utf-8"))
    config = data["config"]
    n = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in data["vocab"][:n]}
    return bpe(ranks, config["pattern"])


def sentencepiece_file(path):
    model = sentencepiece.SentencePieceProcessor(str(path))
    return lambda text: len(model.encode(text))


def tokenizers_file(path):
    model = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: len(model.encode(text, add_special_tokens=False).ids)


def main():
    candidates, litellm, mistral = map(pathlib.Path, sys.argv[1:])
    files = litellm / "litellm" / "litellm_core_utils" / "tokenizers"
    counters = {
        "cl100k": tiktoken_file(files / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", CL100K),
        "o200k": tiktoken_file(files / "fb374d419588a4632f3f557e76b4b70aebbca790", O200K),
        "deepseek": tokenizers_file(files / "deepseek_tokenizer.json"),
        "tekken": tekken_file(mistral / "mistral_common" / "data" / "tekken_240911.json"),
        "mistral": sentencepiece_file(mistral / "mistral_common" / "data" / "tokenizer.model.v1"),
    }
    print("qid", *counters, sep="\t")
    with open(candidates, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            query = json.loads(line)
            texts = [c["text"] for c in query["candidates"]]
            print(query["qid"], *(sum(map(count, texts)) for count in counters.values()), sep="\t")


if __name__ == "__main__":
    main()
