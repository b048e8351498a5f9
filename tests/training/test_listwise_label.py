#!/usr/bin/env python3
"""Labels and weights, counted by hand under tokenizations that differ in how they cut numbers, blanks and brackets."""
import math
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "training"))
from listwise_label import label_text, rank_weight, token_weights  # noqa: E402

LABEL = "[2] > [10] > [1]"
SECOND = 1 + 1 / math.log2(3)


def offsets_of(*tokens):
    """The offsets of tokens that follow each other without a gap."""
    offsets, at = [], 0
    for token in tokens:
        assert LABEL.startswith(token, at), token
        offsets.append((at, at + len(token)))
        at += len(token)
    assert at == len(LABEL)
    return offsets


class Labels(unittest.TestCase):
    def test_identifiers_are_places_in_the_prompt(self):
        record = {"qid": "q", "initial_list": ["a", "b", "c"], "final_list": ["c", "a", "b"]}
        self.assertEqual(label_text(record), "[3] > [1] > [2]")

    def test_no_permutation_is_refused(self):
        for initial, final in ((["a", "b"], ["a"]), (["a", "b"], ["a", "a"]), (["a"], ["b"]), (["a", "a"], ["a", "a"])):
            with self.assertRaisesRegex(ValueError, "query q"):
                label_text({"qid": "q", "initial_list": initial, "final_list": final})


class Weights(unittest.TestCase):
    def test_of_ranks(self):
        self.assertEqual(rank_weight(1), 2)
        self.assertAlmostEqual(rank_weight(2), 1.6309297535714573)
        self.assertEqual(rank_weight(3), 1.5)
        self.assertAlmostEqual(rank_weight(100), 1.1501905, places=6)

    def test_with_a_token_a_digit(self):
        offsets = offsets_of("[", "2", "]", " >", " [", "1", "0", "]", " >", " [", "1", "]")
        self.assertEqual(token_weights(LABEL, offsets), [2, 2, 2, 1] + [SECOND] * 4 + [1] + [1.5] * 3)

    def test_with_whole_numbers(self):
        offsets = offsets_of("[", "2", "]", " >", " [", "10", "]", " >", " [", "1", "]")
        self.assertEqual(token_weights(LABEL, offsets), [2, 2, 2, 1] + [SECOND] * 3 + [1] + [1.5] * 3)

    def test_with_whole_identifiers(self):
        self.assertEqual(token_weights(LABEL, offsets_of("[2]", " > ", "[10]", " > ", "[1]")), [2, 1, SECOND, 1, 1.5])

    def test_with_offsets_that_leave_blanks_out(self):
        offsets = [(0, 1), (1, 2), (2, 3), (4, 5), (6, 7), (7, 9), (9, 10), (11, 12), (13, 14), (14, 15), (15, 16)]
        self.assertEqual(token_weights(LABEL, offsets), [2, 2, 2, 1] + [SECOND] * 3 + [1] + [1.5] * 3)

    def test_a_token_of_two_identifiers_belongs_to_the_better(self):
        self.assertEqual(token_weights(LABEL, offsets_of("[2", "] > [", "10", "] > [", "1]")),
                         [2, 2, SECOND, SECOND, 1.5])

    def test_a_character_in_several_tokens(self):
        # Byte fallback: several tokens with the same offsets.
        self.assertEqual(token_weights("[1]", [(0, 1), (0, 1), (1, 2), (1, 2), (2, 3)]), [2] * 5)

    def test_tokens_without_text_weigh_one(self):
        self.assertEqual(token_weights("[1]", [(0, 0), (0, 3), (3, 3)]), [1, 2, 1])

    def test_of_text_without_identifiers(self):
        self.assertEqual(token_weights("no [x] list", [(0, 2), (3, 6), (7, 11)]), [1, 1, 1])
        self.assertEqual(token_weights("", []), [])


if __name__ == "__main__":
    unittest.main()
