#!/usr/bin/env python3
"""The objective against numbers by hand, and a toy list that it puts in order."""
import math
import pathlib
import sys
import unittest

try:
    import torch
except ImportError:
    print("SKIP: there is no PyTorch for this Python")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "training"))
from mvp import objective  # noqa: E402

ALL = torch.tensor([[True, True, True]])


class Target(unittest.TestCase):
    def test_is_softmax_of_one_over_rank_over_0_8(self):
        got = objective.order_target(torch.tensor([[2.0, 1.0, 3.0]]), ALL)[0]
        weights = [math.exp(1 / rank / 0.8) for rank in (2, 1, 3)]
        for found, weight in zip(got.tolist(), weights):
            self.assertAlmostEqual(found, weight / sum(weights), places=6)

    def test_leaves_out_what_is_masked(self):
        mask = torch.tensor([[True, True, False]])
        got = objective.order_target(torch.tensor([[1.0, 2.0, 3.0]]), mask)[0]
        self.assertEqual(float(got[2]), 0)
        self.assertAlmostEqual(float(got.sum()), 1, places=6)

    def test_ranks_labels_before_teachers(self):
        teacher = torch.tensor([[0.9, 0.1, 0.5]])
        ranks = objective.ranks_of(teacher, torch.tensor([[False, True, False]]), ALL)
        self.assertEqual(ranks.tolist(), [[2, 1, 3]])


class Orthogonality(unittest.TestCase):
    def test_is_the_squared_norm_of_a_at_less_the_identity(self):
        apart = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
        same = torch.tensor([[[2.0, 0.0], [5.0, 0.0]]])
        self.assertAlmostEqual(float(objective.orthogonality(apart)), 0, places=6)
        self.assertAlmostEqual(float(objective.orthogonality(same)), 2, places=6)


class Teachers(unittest.TestCase):
    def test_of_different_scales_weigh_the_same(self):
        scores = torch.tensor([[[1.0, 100.0], [2.0, 300.0], [3.0, 200.0]]])
        both = objective.ensemble(scores, ALL, torch.tensor([[1.0, 1.0]]))
        scaled = objective.ensemble(scores * torch.tensor([1.0, 0.01]) + 7, ALL, torch.tensor([[1.0, 1.0]]))
        torch.testing.assert_close(both, scaled, rtol=1e-4, atol=1e-4)

    def test_that_were_not_asked_count_for_nothing(self):
        scores = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]])
        alone = objective.ensemble(scores[..., :1], ALL, torch.tensor([[1.0]]))
        torch.testing.assert_close(objective.ensemble(scores, ALL, torch.tensor([[1.0, 1.0]])), alone)


class Loss(unittest.TestCase):
    def loss(self, scores, counted=ALL, relevant=torch.tensor([[False, True, False]])):
        teacher = objective.spread_scores(torch.tensor([[0.1, 0.4, 0.7]]), ALL)
        anchors = torch.eye(2)[None]
        return objective.list_losses(scores, anchors, teacher, relevant, counted, ALL, objective.Weights())

    def test_falls_as_scores_come_to_the_label(self):
        self.assertLess(float(self.loss(torch.tensor([[0.0, 4.0, 1.0]]))["label"]),
                        float(self.loss(torch.tensor([[0.0, 1.0, 4.0]]))["label"]))

    def test_of_the_order_does_not_depend_on_the_scale_of_scores(self):
        one = self.loss(torch.tensor([[0.0, 4.0, 1.0]]))["order"]
        other = self.loss(torch.tensor([[5.0, 13.0, 7.0]]))["order"]
        self.assertAlmostEqual(float(one), float(other), places=5)

    def test_does_not_push_a_false_negative_down(self):
        scores = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
        self.loss(scores, counted=torch.tensor([[True, True, False]]))["label"].backward()
        self.assertEqual(float(scores.grad[0, 2]), 0)

    def test_without_labels_has_no_label_part(self):
        self.assertEqual(float(self.loss(torch.zeros(1, 3), relevant=torch.zeros(1, 3, dtype=torch.bool))["label"]), 0)

    def test_leads_to_the_order(self):
        scores = torch.zeros(1, 3, requires_grad=True)
        optimizer = torch.optim.SGD([scores], lr=0.5)
        for _ in range(200):
            optimizer.zero_grad()
            self.loss(scores)["total"].backward()
            optimizer.step()
        self.assertEqual(scores[0].argsort(descending=True).tolist(), [1, 2, 0])


if __name__ == "__main__":
    unittest.main()
