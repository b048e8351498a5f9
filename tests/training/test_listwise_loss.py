#!/usr/bin/env python3
"""The loss on toys: against its formula, its gradient, what must not count, and a model that learns a ranking by it."""
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
from listwise_label import token_weights  # noqa: E402
from listwise_loss import IGNORED, collate, encode_example, listwise_loss  # noqa: E402

SEED = 7


class CharacterTokenizer:
    """A token a character: as much of a fast tokenizer as encode_example() asks for."""
    eos_token_id = 3

    def __call__(self, text, add_special_tokens, return_offsets_mapping):
        assert not add_special_tokens and return_offsets_mapping
        return {"input_ids": [ord(c) % 97 + 4 for c in text], "offset_mapping": [(i, i + 1) for i in range(len(text))]}


def a_batch(dtype=torch.float64):
    torch.manual_seed(SEED)
    logits = torch.randn(2, 6, 5, dtype=dtype, requires_grad=True)
    labels = torch.tensor([[IGNORED, IGNORED, 1, 4, 0, 2], [IGNORED, 3, 2, IGNORED, IGNORED, IGNORED]])
    weights = torch.tensor([[0, 0, 2, 1, 1.5, 1], [0, 2, 1.25, 0, 0, 0]], dtype=dtype)
    return logits, labels, weights


def directly(logits, labels, weights):
    """The definition, one token after the other, and the gradient by the softmax's formula."""
    n_label_tokens, total, gradient = 0, 0.0, torch.zeros_like(logits)
    for example in range(labels.shape[0]):
        for at in range(1, labels.shape[1]):
            target = int(labels[example, at])
            if target == IGNORED:
                continue
            row, weight = logits[example, at - 1].detach(), float(weights[example, at])
            exponents = [math.exp(float(value)) for value in row]
            total -= weight * math.log(exponents[target] / sum(exponents))
            for token, value in enumerate(exponents):
                gradient[example, at - 1, token] += weight * (value / sum(exponents) - (token == target))
            n_label_tokens += 1
    return total / n_label_tokens, gradient / n_label_tokens


class Loss(unittest.TestCase):
    def test_value_and_gradient_are_those_of_the_definition(self):
        logits, labels, weights = a_batch()
        loss = listwise_loss(logits, labels, weights)
        loss.backward()
        value, gradient = directly(logits, labels, weights)
        self.assertAlmostEqual(loss.item(), value, places=12)
        self.assertLess((logits.grad - gradient).abs().max().item(), 1e-12)
        self.assertTrue(torch.autograd.gradcheck(lambda x: listwise_loss(x, labels, weights), (logits,)))

    def test_weights_of_one_give_the_usual_loss(self):
        logits, labels, _ = a_batch()
        usual = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 5), labels[:, 1:].reshape(-1))
        loss = listwise_loss(logits, labels, torch.ones_like(labels, dtype=torch.float64))
        self.assertAlmostEqual(loss.item(), usual.item(), places=12)

    def test_prompt_and_padding_count_for_nothing(self):
        logits, labels, weights = a_batch()
        loss = listwise_loss(logits, labels, weights)
        predicts_label = torch.zeros(labels.shape, dtype=torch.bool)
        predicts_label[:, :-1] = labels[:, 1:] != IGNORED
        others = logits.detach().clone()
        others[~predicts_label] = 1e3
        other_weights = torch.where(labels == IGNORED, torch.full_like(weights, 1e6), weights)
        self.assertEqual(listwise_loss(others, labels, other_weights).item(), loss.item())
        loss.backward()
        self.assertEqual(logits.grad[~predicts_label].abs().max().item(), 0)

    def test_half_precision_is_widened(self):
        logits, labels, weights = a_batch(torch.float32)
        loss = listwise_loss(logits.bfloat16(), labels, weights)
        self.assertEqual(loss.dtype, torch.float32)
        self.assertAlmostEqual(loss.item(), listwise_loss(logits.bfloat16().float(), labels, weights).item(), places=6)

    def test_batches_together_give_the_loss_of_the_whole(self):
        logits, labels, weights = a_batch()
        n = int((labels != IGNORED).sum())
        parts = [listwise_loss(logits[i:i + 1], labels[i:i + 1], weights[i:i + 1], n_label_tokens=n) for i in range(2)]
        self.assertAlmostEqual(sum(parts).item(), listwise_loss(logits, labels, weights).item(), places=12)

    def test_what_does_not_fit_is_refused(self):
        logits, labels, weights = a_batch()
        with self.assertRaisesRegex(ValueError, "logits"):
            listwise_loss(logits[:, :-1], labels, weights)
        with self.assertRaisesRegex(ValueError, "no position"):
            listwise_loss(logits, torch.full_like(labels, IGNORED), weights)


class Examples(unittest.TestCase):
    def test_an_example_has_prompt_label_and_end(self):
        example = encode_example(CharacterTokenizer(), [5, 6, 7], "[1] > [2]")
        n_label = len("[1] > [2]") + 1
        self.assertEqual({len(values) for values in example.values()}, {3 + n_label})
        self.assertEqual(example["labels"][:3], [IGNORED] * 3)
        self.assertEqual(example["labels"][3:], example["input_ids"][3:])
        self.assertEqual(example["input_ids"][-1], CharacterTokenizer.eos_token_id)
        second = 1 + 1 / math.log2(3)
        self.assertEqual(example["weights"], [0] * 3 + [2] * 3 + [1] * 3 + [second] * 3 + [1])

    def test_a_batch_is_padded_on_the_right(self):
        tokenizer = CharacterTokenizer()
        examples = [encode_example(tokenizer, [5], "[1]"), encode_example(tokenizer, [5, 6], "[1] > [2]")]
        batch = collate(examples, pad_id=0)
        self.assertEqual(batch["input_ids"].shape, (2, 12))
        self.assertEqual(batch["attention_mask"].sum(dim=1).tolist(), [5, 12])
        self.assertEqual(batch["labels"][0, 5:].tolist(), [IGNORED] * 7)
        self.assertEqual(batch["weights"][0, 5:].abs().sum().item(), 0)
        self.assertEqual(batch["input_ids"][0, 5:].tolist(), [0] * 7)

    def test_a_real_tokenizer_gives_offsets_that_fit(self):
        try:
            from tokenizers import Tokenizer, models, pre_tokenizers
        except ImportError:
            self.skipTest("there is no tokenizers package")
        vocab = {token: i for i, token in enumerate(["[UNK]", "[", "]", ">", "2", "10", "1", "0"])}
        tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        encoded = tokenizer.encode("[2] > [10] > [1]")
        second = 1 + 1 / math.log2(3)
        self.assertEqual(token_weights("[2] > [10] > [1]", encoded.offsets),
                         [2] * 3 + [1] + [second] * 3 + [1] + [1.5] * 3)


class Toy(unittest.TestCase):
    def test_a_model_learns_to_write_a_ranking(self):
        torch.manual_seed(SEED)
        label = "[2] > [3] > [1]"
        inputs = collate([encode_example(CharacterTokenizer(), [1, 2], label)], pad_id=0)
        n_tokens = inputs["input_ids"].shape[1]
        # The next token from the place and the token: enough to learn one text by heart.
        tokens, places = torch.nn.Embedding(101, 16), torch.nn.Embedding(n_tokens, 16)
        out = torch.nn.Linear(16, 101)
        parameters = [*tokens.parameters(), *places.parameters(), *out.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=0.05)
        losses = []
        for _ in range(80):
            logits = out(tokens(inputs["input_ids"]) + places(torch.arange(n_tokens)))
            loss = listwise_loss(logits, inputs["labels"], inputs["weights"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        self.assertLess(losses[-1], losses[0] / 20)
        written = logits[0, 1:-1].argmax(dim=-1)
        self.assertEqual(written.tolist(), inputs["labels"][0, 2:].tolist())


if __name__ == "__main__":
    unittest.main()
