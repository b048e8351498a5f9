#!/usr/bin/env python3
"""The model against doc/mvp-bert.md, written out slowly, on a backbone of a few numbers."""
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
from mvp.backbone import Bert, BertShape  # noqa: E402
from mvp.model import MvpBert, MvpSettings  # noqa: E402

SEED = 11
SHAPE = BertShape(hidden_size=12, intermediate_size=20, num_attention_heads=3, num_hidden_layers=3, vocab_size=40,
                  max_position_embeddings=16, type_vocab_size=2)


def a_model(**settings):
    torch.manual_seed(SEED)
    model = MvpBert(Bert(SHAPE), MvpSettings(**{"n_views": 2, "view_from": 1, **settings}))
    for parameter in model.parameters():  # nothing left at a value that hides it: zero bias, unit norm
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.double().eval()


def states_of(model, rows):
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    kept = model.backbone.states(ids, lengths)[model.settings.view_from :]
    return torch.stack(kept, dim=2), lengths


def norm(x, layer):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], layer.weight, layer.bias, SHAPE.layer_norm_eps)


def attend(q, k, v):
    """One position after the other and one head after the other."""
    size, out = SHAPE.head_size, torch.zeros_like(q)
    for head in range(SHAPE.num_attention_heads):
        at = slice(head * size, (head + 1) * size)
        for row in range(len(q)):
            weights = torch.tensor([float(q[row, at].detach() @ key[at].detach()) / math.sqrt(size) for key in k]).double().softmax(0)
            out[row, at] = sum(w * value[at] for w, value in zip(weights, v))
    return out


def slow_views(model, query, passage):
    """View states of one pair; query and passage are [T, kept, d] without padding."""
    views = model.mvp.views
    for at, layer in enumerate(model.mvp.view_layer.values()):
        own = layer.attention.self
        seen = torch.cat([views, query[:, at], passage[:, at]])
        mixed = attend(own.query(views), own.key(seen), own.value(seen))
        views = norm(views + layer.attention.output.dense(mixed), layer.attention.output.LayerNorm)
        inner = torch.nn.functional.gelu(layer.intermediate.dense(views))
        views = norm(views + layer.output.dense(inner), layer.output.LayerNorm)
    return views


def slow_scores(model, per_passage, base):
    out = torch.zeros(len(per_passage)).double()
    for view in range(model.settings.n_views):
        seen = torch.stack([vectors[view] for vectors in per_passage])
        anchor = model.mvp.start[None]
        for layer in model.mvp.decoder:
            mixed = attend(layer.cross["query"](anchor), layer.cross["key"](seen), layer.cross["value"](seen))
            anchor = norm(anchor + layer.cross["output"](mixed), layer.cross_norm)
            inner = torch.nn.functional.gelu(layer.ffn["in"](anchor))
            anchor = norm(anchor + layer.ffn["out"](inner), layer.ffn_norm)
        out += (seen @ anchor[0]) / math.sqrt(SHAPE.hidden_size) / model.settings.n_views
    return base + out


QUERIES = [[2, 5, 6, 3], [2, 9, 3]]
PASSAGES = [[[2, 7, 8, 9, 3], [2, 30, 3], [2, 11, 12, 13, 14, 15, 3]], [[2, 21, 3], [2, 22, 23, 24, 3]]]


class Block(unittest.TestCase):
    def setUp(self):
        self.model = a_model()
        self.n_of = torch.tensor([len(rows) for rows in PASSAGES])

    def scores(self, model=None, passages=PASSAGES):
        model = model or self.model
        rows = [row for one in passages for row in one]
        return model.block(states_of(model, QUERIES), states_of(model, rows),
                           torch.tensor([len(one) for one in passages])).scores

    def test_scores_are_those_of_the_document(self):
        found = self.scores()
        for q, (query, passages) in enumerate(zip(QUERIES, PASSAGES)):
            query = states_of(self.model, [query])[0][0]
            rows = [states_of(self.model, [row])[0][0] for row in passages]
            cosine = torch.stack([torch.cosine_similarity(query[:, -1].mean(0), row[:, -1].mean(0), dim=0)
                                  for row in rows])
            wanted = slow_scores(self.model, [slow_views(self.model, query, row) for row in rows],
                                 self.model.cosine_scale * cosine)
            torch.testing.assert_close(found[q, : len(passages)], wanted, rtol=1e-5, atol=1e-5)

    def test_a_lists_scores_do_not_depend_on_its_neighbours_or_its_order(self):
        together = self.scores()
        turned = self.scores(passages=[PASSAGES[0][::-1], PASSAGES[1]])
        torch.testing.assert_close(turned[0].flip(0), together[0])
        torch.testing.assert_close(turned[1, :2], together[1, :2])

    def test_begins_at_the_order_of_the_embedding_model(self):
        torch.manual_seed(SEED)
        model = MvpBert(Bert(SHAPE), MvpSettings(n_views=2, view_from=1)).double()
        rows = [row for one in PASSAGES for row in one]
        found = model.block(states_of(model, QUERIES), states_of(model, rows), self.n_of)
        for q, one in enumerate(PASSAGES):
            self.assertEqual(found.scores[q, : len(one)].argsort().tolist(), found.base[q, : len(one)].argsort().tolist())

    def test_a_frozen_backbone_gets_no_gradient_and_the_views_do(self):
        self.scores().sum().backward()
        self.assertTrue(all(p.grad is None for p in self.model.backbone.parameters()))
        missing = [name for name, p in self.model.mvp.named_parameters()
                   if p.grad is None and not name.endswith(("self.key.bias",))]
        self.assertEqual(missing, [])


class Joint(unittest.TestCase):
    def test_scores_are_those_of_the_document(self):
        model = a_model(attention="joint")
        rows = [[2, 1, 4, 8, 3, 9, 10, 3], [2, 1, 4, 8, 3, 11, 3]]
        types = [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1, 0]]
        ids = torch.tensor([rows[0], rows[1] + [0]])
        found = model.joint(ids, torch.tensor([8, 7]), torch.tensor(types), torch.tensor([2])).scores[0]
        per_passage = []
        for row, kinds in zip(rows, types):
            alone = torch.tensor([row]), torch.tensor([len(row)]), torch.tensor([kinds[: len(row)]])
            per_passage.append(model.backbone.states(*alone)[-1][0, 1:3])
        torch.testing.assert_close(found, slow_scores(model, per_passage, 0), rtol=1e-5, atol=1e-5)


class Export(unittest.TestCase):
    def test_names_and_keys_are_those_of_the_document(self):
        model = a_model()
        names = set(model.tensors())
        for name in ("mvp.start", "mvp.views", "mvp.decoder.0.cross.query.weight", "mvp.decoder.0.ffn.in.bias",
                     "mvp.decoder.0.cross_norm.weight", "mvp.decoder.0.ffn_norm.bias",
                     "mvp.view_layer.1.attention.self.key.weight", "mvp.view_layer.2.attention.output.LayerNorm.bias",
                     "mvp.view_layer.2.intermediate.dense.weight", "encoder.layer.0.output.dense.weight",
                     "embeddings.word_embeddings.weight"):
            self.assertIn(name, names)
        self.assertNotIn("mvp.view_layer.0.output.dense.weight", names)
        keys = model.config_keys()
        self.assertEqual((keys["mvp_attention"], keys["mvp_view_from"], keys["n_views"]), ("block", 1, 2))

    def test_an_aggregation_that_rrk_does_not_run_is_refused(self):
        with self.assertRaisesRegex(ValueError, "mean"):
            a_model(aggregation="max").config_keys()


if __name__ == "__main__":
    unittest.main()
