#!/usr/bin/env python3
"""Reranks passages from Python through ctypes, no binding needed: rerank.py MODEL_DIR [QUERY]."""
import ctypes
import os
import sys
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_int32, c_size_t, c_uint64, c_void_p


class Text(Structure):
    _fields_ = [("data", c_char_p), ("len", c_size_t)]

    def __init__(self, string=""):
        data = string.encode()
        super().__init__(data, len(data))


class Passage(Structure):
    _fields_ = [("id", Text), ("title", Text), ("text", Text), ("metadata", Text), ("reserved", c_uint64 * 4)]


class Hit(Structure):
    _fields_ = [("index", c_size_t), ("score", c_double), ("reserved", c_uint64 * 2)]


class Error(Structure):
    _fields_ = [("status", c_int32), ("detail", c_int32), ("message", c_char * 248)]


class RerankerOptions(Structure):
    _fields_ = [("size", c_size_t), ("encoder", c_void_p)]


rrk = ctypes.CDLL(os.environ.get("RRK_LIBRARY", "librrk.so.0"))
rrk.rrk_encoder_open.argtypes = [POINTER(c_void_p), c_char_p, c_void_p, POINTER(Error)]
rrk.rrk_reranker_open.argtypes = [POINTER(c_void_p), c_char_p, POINTER(RerankerOptions), POINTER(Error)]
rrk.rrk_reranker_rank.argtypes = [
    c_void_p, Text, POINTER(Passage), c_size_t, c_void_p, POINTER(Hit), POINTER(c_size_t), POINTER(Error)]
rrk.rrk_encoder_close.argtypes = rrk.rrk_reranker_close.argtypes = [c_void_p]


def check(status, error):
    if status:
        raise RuntimeError(error.message.decode())


def rerank(model_dir, query, texts, strategy="embedding"):
    """(index, score) of each text, best first."""
    error, encoder, reranker = Error(), c_void_p(), c_void_p()
    check(rrk.rrk_encoder_open(byref(encoder), model_dir.encode(), None, byref(error)), error)
    try:
        options = RerankerOptions(ctypes.sizeof(RerankerOptions), encoder)
        check(rrk.rrk_reranker_open(byref(reranker), strategy.encode(), byref(options), byref(error)), error)
        passages = (Passage * len(texts))(*[Passage(text=Text(t)) for t in texts])
        hits, n_hits = (Hit * len(texts))(), c_size_t(len(texts))
        check(rrk.rrk_reranker_rank(reranker, Text(query), passages, len(texts), None, hits, byref(n_hits),
                                    byref(error)), error)
        return [(h.index, h.score) for h in hits[:n_hits.value]]
    finally:
        rrk.rrk_reranker_close(reranker)
        rrk.rrk_encoder_close(encoder)


TEXTS = [
    "The Baltic Sea freezes in its northern part for up to six months a year.",
    "Sourdough rises by wild yeast and bacteria that live in the starter.",
    "Salt lowers the temperature at which water turns to ice.",
    "Bread flour has more protein than cake flour.",
]

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} MODEL_DIR [QUERY]")
    try:
        for index, score in rerank(sys.argv[1], (sys.argv + ["when does the sea freeze?"])[2], TEXTS):
            print(f"{score:8.4f}  {TEXTS[index]}")
    except RuntimeError as problem:
        sys.exit(str(problem))
