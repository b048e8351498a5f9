"""Reranks passages from Python through ctypes: python3 rerank.py MODEL_DIR [QUERY]. RRK_LIBRARY may name librrk.so.0."""
import ctypes as c
import os
import sys


class Text(c.Structure):
    _fields_ = [("data", c.c_char_p), ("len", c.c_size_t)]


class Passage(c.Structure):
    _fields_ = [("id", Text), ("title", Text), ("text", Text), ("metadata", Text), ("reserved", c.c_uint64 * 4)]


class Hit(c.Structure):
    _fields_ = [("index", c.c_size_t), ("score", c.c_double), ("reserved", c.c_uint64 * 2)]


class Error(c.Structure):
    _fields_ = [("status", c.c_int32), ("detail", c.c_int32), ("message", c.c_char * 248)]


class RerankerOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("encoder", c.c_void_p)]


rrk = c.CDLL(os.environ.get("RRK_LIBRARY", "librrk.so.0"))
rrk.rrk_reranker_rank.argtypes = [c.c_void_p, Text, c.POINTER(Passage), c.c_size_t, c.c_void_p, c.POINTER(Hit),
                                  c.POINTER(c.c_size_t), c.POINTER(Error)]
rrk.rrk_reranker_close.argtypes = rrk.rrk_encoder_close.argtypes = [c.c_void_p]


def text(string):
    data = string.encode()
    return Text(data, len(data))


def call(function, *args):
    error = Error()
    if function(*args, c.byref(error)) != 0:
        raise RuntimeError(error.message.decode())


def rerank(model_dir, query, passages, strategy="embedding"):
    """[(score, passage)], best first."""
    encoder, reranker = c.c_void_p(), c.c_void_p()
    try:
        call(rrk.rrk_encoder_open, c.byref(encoder), os.fsencode(model_dir), None)
        options = RerankerOptions(c.sizeof(RerankerOptions), encoder)
        call(rrk.rrk_reranker_open, c.byref(reranker), strategy.encode(), c.byref(options))
        given = (Passage * len(passages))(*[Passage(text=text(p)) for p in passages])
        hits, n_hits = (Hit * len(passages))(), c.c_size_t(len(passages))
        call(rrk.rrk_reranker_rank, reranker, text(query), given, len(passages), None, hits, c.byref(n_hits))
        return [(hit.score, passages[hit.index]) for hit in hits[:n_hits.value]]
    finally:
        rrk.rrk_reranker_close(reranker)
        rrk.rrk_encoder_close(encoder)


PASSAGES = [
    "Rivers carry more water in spring because snow melts in the mountains.",
    "A bicycle chain lasts longer when it is cleaned and oiled every few weeks.",
    "Bees tell each other where flowers are by dancing on the comb.",
    "The lighthouse keeper wound the clockwork of the lamp every four hours.",
    "Bread rises because yeast turns sugar into carbon dioxide.",
    "Without enough light, tomato plants grow tall and thin and give little fruit.",
    "A worn chain wears out the sprockets, which cost far more than the chain.",
    "The library opens at nine and closes at six, except on Sundays.",
    "Salt lowers the freezing point of water, which is why roads are salted.",
    "Honey keeps for years because it holds too little water for bacteria.",
]

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: rerank.py MODEL_DIR [QUERY]")
    asked = sys.argv[2] if len(sys.argv) > 2 else "how do I look after my bicycle chain?"
    for place, (score, passage) in enumerate(rerank(sys.argv[1], asked, PASSAGES), 1):
        print(f"{place:2d}  {score:8.4f}  {passage}")
