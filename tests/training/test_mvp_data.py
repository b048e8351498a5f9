#!/usr/bin/env python3
"""Pools, lists, states and runs on toys: what is kept out stays out, and an interrupted run ends where it would have."""
import json
import pathlib
import random
import sys
import tempfile
import unittest

try:
    import numpy as np
    import torch
except ImportError:
    print("SKIP: there is no PyTorch for this Python")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "training"))
from mvp import batches, config, data, measure, mine, plot, states, teachers, train  # noqa: E402
from mvp.backbone import Bert, BertShape  # noqa: E402
from mvp.model import MvpSettings  # noqa: E402

SEED = 5
SHAPE = BertShape(hidden_size=12, intermediate_size=20, num_attention_heads=3, num_hidden_layers=2, vocab_size=60,
                  max_position_embeddings=16, type_vocab_size=2)
N_QUERIES, N_PASSAGES = 6, 12


def a_bert():
    torch.manual_seed(SEED)
    return Bert(SHAPE)


def toy_cache(folder):
    """A pool of random ids, with states and lists as prepare.py would leave them."""
    rng = random.Random(SEED)
    pool = data.Pool([data.Passage(f"p{i}", "toy", f"passage {i}") for i in range(N_PASSAGES)],
                     [data.Query(f"q{i}", "toy", f"query {i}", "train" if i < 4 else "choose", "question", [f"p{i}"])
                      for i in range(N_QUERIES)])
    pool.write(folder / "pool")
    rows = lambda n: [[2, *(rng.randrange(5, 60) for _ in range(rng.randrange(1, 8))), 3] for _ in range(n)]
    states.compute(a_bert(), rows(N_QUERIES), folder / "states-queries", 1)
    states.compute(a_bert(), rows(N_PASSAGES), folder / "states-toy", 1)
    draw = np.random.default_rng(SEED)
    lists = [mine.CandidateList(i, np.arange(N_PASSAGES, dtype=np.int32),
                                draw.random((N_PASSAGES, 3), dtype=np.float32), np.arange(N_PASSAGES) == i,
                                np.ones(N_PASSAGES, bool)) for i in range(N_QUERIES)]
    mine.save(folder / "lists.npz", lists)


def toy_recipe():
    training = config.Training(seed=SEED, steps=40, lists_a_step=2, list_size=6, hard=2, amp=False,
                               evaluate_every=20, evaluate_sources=["toy"], learning_rate=1e-2)
    model = MvpSettings(n_views=2, view_from=1, maxsim_layer=1)
    return config.Recipe("toy", {}, {}, {"toy": [1.0, 1.0, 1.0, 1.0]}, {}, model=model, training=training)


def a_backbone(folder):
    from safetensors.torch import save_file
    folder.mkdir(exist_ok=True)
    save_file(a_bert().state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(vars(SHAPE)))
    return str(folder)


class Splits(unittest.TestCase):
    def test_follow_groups_and_are_the_same_every_time(self):
        found = [data.group_split(f"page {i}") for i in range(1000)]
        self.assertEqual(found, [data.group_split(f"page {i}") for i in range(1000)])
        self.assertTrue(60 < found.count("test") < 140 and 60 < found.count("choose") < 140)

    def test_keep_the_passages_of_test_questions_out_of_synthetic_queries(self):
        pool = data.Pool([data.Passage(f"p{i}", "toy", "One two three four five six. Seven.") for i in range(40)],
                         [data.Query("q", "toy", "what", "test", "question", [f"p{i}" for i in range(20)])])
        data.sentence_queries(pool, random.Random(SEED), {"toy": 40})
        made = [q for q in pool.queries if q.kind == "sentence"]
        self.assertEqual(len(made), 20)
        self.assertTrue(all(int(q.left_out[0][1:]) >= 20 and q.split == "train" for q in made))

    def test_a_pool_is_read_as_it_was_written(self):
        with tempfile.TemporaryDirectory() as folder:
            pool = data.Pool([data.Passage("a", "toy", "line\u2028separator")],
                             [data.Query("q", "toy", "é", "train", "question", ["a"])])
            pool.write(pathlib.Path(folder))
            self.assertEqual(data.Pool.read(pathlib.Path(folder)), pool)


class Mining(unittest.TestCase):
    def test_a_false_negative_is_what_both_teachers_place_above_the_answer(self):
        scores = np.array([[0, 0.5, 0.5], [0, 0.9, 0.9], [0, 0.9, 0.1], [0, 0.1, 0.1]], np.float32)
        relevant = np.array([True, False, False, False])
        self.assertEqual(mine.false_negatives(scores, relevant, 0.5).tolist(), [False, True, False, False])

    def test_without_an_answer_there_are_no_false_negatives(self):
        self.assertFalse(mine.false_negatives(np.ones((3, 3), np.float32), np.zeros(3, bool), 0.5).any())

    def test_candidates_are_each_lookups_best_without_what_is_left_out(self):
        lexical = np.array([3.0, 0.0, 2.0, 0.0])
        dense = np.array([0.1, 0.9, 0.2, 0.3])
        self.assertEqual(mine.candidates_of(lexical, [dense], 2, {0}).tolist(), [1, 2, 3])

    def test_a_drawn_list_has_the_answer_and_the_teachers_best(self):
        scores = np.arange(30, dtype=np.float32).reshape(10, 3)
        one = mine.CandidateList(0, np.arange(10, dtype=np.int32), scores, np.arange(10) == 4, np.ones(10, bool))
        pick = batches.draw(one, 6, 3, np.ones(3), random.Random(SEED)).tolist()
        self.assertEqual(pick[:4], [4, 9, 8, 7])
        self.assertEqual(len(set(pick)), 6)


class Kept(unittest.TestCase):
    def test_states_are_the_backbones_whatever_stands_beside_them(self):
        rows = [[2, 7, 3], [2, 8, 9, 10, 11, 3], [2, 12, 13, 3]]
        with tempfile.TemporaryDirectory() as folder:
            found = states.compute(a_bert(), rows, pathlib.Path(folder) / "s", 1)
            alone = a_bert().eval().states(torch.tensor([rows[2]]), torch.tensor([4]))
            for at, layer in enumerate(alone[1:]):
                np.testing.assert_allclose(found.rows(2)[:, at], layer[0].detach().numpy(), atol=0.05)
            self.assertTrue(states.finished(pathlib.Path(folder) / "s"))

    def test_four_bits_are_unpacked_low_halves_first(self):
        packed = np.zeros(1, np.dtype([("scale", "<f2"), ("packed", "u1", 16)]))
        packed["scale"], packed["packed"][0, 0], packed["packed"][0, 1] = 0.5, 0xF0, 0x08
        got = teachers.unpack_q4(packed.tobytes(), 1, 32)[0]
        self.assertEqual((got[0], got[16], got[1], got[17]), (-4.0, 3.5, 0.0, -4.0))


class Runs(unittest.TestCase):
    def run_to(self, folder, out, *stops):
        for stop in stops:
            recipe = toy_recipe()
            run = train.Run(recipe, train.Data(recipe, folder), a_backbone(folder / "backbone"), folder / out, "cpu")
            run.resume()
            while run.step < stop:
                run.take_step()
            run.save("last")
        return run

    def test_an_interrupted_run_ends_where_it_would_have(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            toy_cache(folder)
            whole, parts = self.run_to(folder, "whole", 9), self.run_to(folder, "parts", 4, 9)
            for key, value in whole.trained().items():
                torch.testing.assert_close(parts.trained()[key], value)

    def test_a_toy_is_learnt_and_its_picture_drawn(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            toy_cache(folder)
            recipe = toy_recipe()
            run = train.Run(recipe, train.Data(recipe, folder), a_backbone(folder / "backbone"), folder / "out", "cpu")
            first = run.losses()["total"].item()
            run.run()
            self.assertLess(run.losses()["total"].item(), first)
            self.assertIn("<polyline", plot.picture(folder / "out/log.jsonl"))
            self.assertTrue((folder / "out/best.pt").exists())


class Settings(unittest.TestCase):
    def test_an_unknown_one_is_refused(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "a.toml"
            path.write_text('name = "a"\n[data]\n[mining]\n[teachers]\n[tokens]\n[training]\nstepps = 3\n')
            with self.assertRaisesRegex(ValueError, "stepps"):
                config.read(path)

    def test_the_shipped_ones_are_read(self):
        for path in (pathlib.Path(__file__).resolve().parents[2] / "training/configs").glob("*.toml"):
            self.assertEqual(config.read(path).name, path.stem)


class Measure(unittest.TestCase):
    def test_ndcg_counts_answers_that_were_not_found(self):
        relevant = np.array([False, True])
        self.assertAlmostEqual(measure.ndcg(np.array([1, 0]), relevant, 1), 1)
        self.assertAlmostEqual(measure.ndcg(np.array([1, 0]), relevant, 2), 1 / (1 + 1 / np.log2(3)))
        self.assertEqual(measure.mean_ndcg([]), 0)


if __name__ == "__main__":
    unittest.main()
