#!/usr/bin/env python3
"""Writes noisy_label.txt: the complete label of 100 passages by windows of 20, stride 10, and a noisy ranker.

Written apart from the C code: lists are sliced and joined instead of places being counted, so that the two can
disagree. Run: python3 noisy_label.py > noisy_label.txt
"""
N, WINDOW, STRIDE, NOISE, SEED = 100, 20, 10, 30, 20241217
MASK = (1 << 64) - 1


def rng_at(seed, counter):
    """base/rng.c: number `counter` of `seed`, mixed as splitmix64 does."""
    z = (seed * 0xD1342543DE82EF95 + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


calls = 0


def rank(shown):
    """The ranker of ranker.c."""
    global calls
    key = {p: (p * 7919 + 3) % N + rng_at(SEED, calls * 10000 + p) % NOISE for p in shown}
    calls += 1
    return sorted(shown, key=key.get)


settled, rest = [], list(range(N))
while rest:
    if len(rest) <= WINDOW:
        settled, rest = settled + rank(rest), []
        break
    behind, window = [], rest[-WINDOW:]
    ahead = rest[:-WINDOW]
    while True:
        window = rank(window)
        if not ahead:
            break
        step = min(STRIDE, len(ahead))
        window, behind = ahead[-step:] + window[:-step], window[-step:] + behind
        ahead = ahead[:-step]
    rest = window + behind
    settled, rest = settled + rest[: WINDOW - STRIDE], rest[WINDOW - STRIDE :]
assert calls == 45 and sorted(settled) == list(range(N))
for i in range(0, N, 20):
    print(" ".join(str(p) for p in settled[i : i + 20]))
