#!/usr/bin/env python3
"""Tests of count_tests.py: what must fail a run does."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import count_tests  # noqa: E402


def states(stdout="", stderr="", result="OK"):
    record = {"name": "t", "stdout": stdout, "stderr": stderr, "result": result}
    return sorted(state for _, state, _ in count_tests.cases(record))


class Counting(unittest.TestCase):
    def test_cases_of_criterion_are_counted_one_by_one(self):
        out = "1..3\nok - a::b  (0.0s)\nok - a::c  # SKIP no data\nnot ok - a::d  (0.0s)\n"
        self.assertEqual(["failed", "passed", "skipped"], states(out, result="FAIL"))

    def test_cases_that_never_came_fail(self):
        self.assertEqual(["failed", "passed"], states("1..2\nok - a::b  (0.0s)\n"))

    def test_leaks_fail(self):
        self.assertEqual(["failed", "passed"], states("1..1\nok - a::b  (0.0s)\n", count_tests.LEAK))

    def test_scripts_count_as_one(self):
        self.assertEqual(["passed"], states("fine"))
        self.assertEqual(["skipped"], states("SKIP: no model", result="SKIP"))
        self.assertEqual(["failed"], states(result="TIMEOUT"))

    def test_a_crash_after_all_cases_fails(self):
        self.assertEqual(["failed", "passed"], states("1..1\nok - a::b  (0.0s)\n", result="FAIL"))

    def test_patterns_list_skips(self):
        self.assertTrue(count_tests.listed("store: import::x", ["store: *"]))
        self.assertFalse(count_tests.listed("eval: x::y", ["store: *"]))


if __name__ == "__main__":
    unittest.main()
