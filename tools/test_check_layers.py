#!/usr/bin/env python3
"""Tests of check_layers.py: each rule with a tree that keeps it and one that breaks it."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_layers  # noqa: E402


class Layers(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as f:
                    f.write(text)
            return check_layers.check(root)[0]

    def test_downward_and_own_folder_are_fine(self):
        self.assertEqual([], self.breaches({
            "rerank/a.c": '#include "rerank/b.h"\n#include "retriever/r.h"\n#include <rrk/text.h>\n#include <stdio.h>\n'}))

    def test_upward_is_named_with_its_line(self):
        self.assertEqual(['base/a.c:2: base/ (level 1) includes "store/s.h", above it (level 2)'],
                         self.breaches({"base/a.c": '/* x */\n#include "store/s.h"\n'}))

    def test_neighbours_never_see_each_other(self):
        self.assertIn("a neighbour", self.breaches({"store/a.c": '#include "encoder/e.h"\n'})[0])

    def test_tests_see_everything_but_examples(self):
        self.assertEqual([], self.breaches({"tests/cli/a.c": '#include "cli/c.h"\n#include <sqlite3.h>\n'}))
        self.assertEqual(1, len(self.breaches({"tests/a.c": '#include "examples/x.h"\n'})))

    def test_third_party_headers_stay_with_their_owner(self):
        for path, header in [("encoder/a.c", "sqlite3.h"), ("store/a.c", "oneapi/dnnl/dnnl.h"), ("base/a.c", "omp.h"),
                             ("retriever/a.c", "uniwbrk.h"), ("cli/a.c", "curl/curl.h"), ("cli/a.c", "microhttpd.h"),
                             ("rerank/a.c", "jansson.h")]:
            self.assertEqual(1, len(self.breaches({path: f"#include <{header}>\n"})), header)
        for path, header in [("store/a.c", "sqlite3.h"), ("encoder/a.c", "omp.h"), ("store/a.c", "uniwbrk.h"),
                             ("cli/a.c", "jansson.h"), ("base/a.c", "unistd.h")]:
            self.assertEqual([], self.breaches({path: f"#include <{header}>\n"}), header)

    def test_jansson_is_for_c_files(self):
        self.assertEqual(1, len(self.breaches({"eval/a.h": "#include <jansson.h>\n"})))

    def test_public_headers_take_standard_headers_only(self):
        self.assertEqual([], self.breaches({"include/rrk/a.h": "#include <stddef.h>\n#include <rrk/text.h>\n"}))
        self.assertEqual(1, len(self.breaches({"include/rrk/a.h": "#include <unistd.h>\n"})))
        self.assertEqual(1, len(self.breaches({"include/rrk/a.h": '#include "base/buf.h"\n'})))

    def test_private_headers_are_written_from_the_root(self):
        self.assertEqual(1, len(self.breaches({"store/a.c": '#include "schema.h"\n'})))

    def test_drawing_shows_levels_and_arrows(self):
        self.assertEqual("1  base/\n2  store/     -> base", check_layers.draw({"store": {"base"}, "base": set()}))


if __name__ == "__main__":
    unittest.main()
