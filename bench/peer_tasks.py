"""What encoder_peers.py can have timed: which rows, what a runtime has to make of them, and how results compare.

A task's rows are lists of token ids. Its PyTorch module takes padded arrays as its inputs() names them; CTranslate2
gives hidden states instead, which from_ct2() takes on. finisher() is what follows once all rows are through.
"""
import json
import os

import numpy as np

MAX_TOKENS = 256


def read_config(model):
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        return json.load(f)


def read_records(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def spread(items, limit):
    """A part that is like the whole."""
    if not limit or limit >= len(items):
        return items
    return [items[int(i * len(items) / limit)] for i in range(limit)]


def open_tokenizer(path, max_tokens):
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(path)
    tokenizer.no_padding()
    if max_tokens:
        tokenizer.enable_truncation(max_tokens)
    else:
        tokenizer.no_truncation()
    return tokenizer


def additive(mask, attention, n_tokens):
    """Made outside the model, so that tracing sees plain arithmetic."""
    added = (1.0 - mask[:, None, None, :].float()) * -1e9
    return added.expand(-1, 1, n_tokens, -1) if attention == "sdpa" else added  # its kernel wants every query's row


def wrapped(forward, inner):
    """A module of one part; forward(inner, *inputs)."""
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, *inputs):
            return forward(self.inner, *inputs)

    return Wrapped().eval()


class Task:
    inputs = ("ids", "mask")
    optimizer_type = "bert"  # what ONNX Runtime's optimizer calls the model
    min_cosine = 0.9999  # of f32; below it a runtime computes something else and is left out
    min_int8_cosine = 0.9

    def padded(self, rows, batch):
        """Arrays by the names of inputs."""
        ids = np.zeros((len(batch), max(len(rows[i]) for i in batch)), dtype=np.int64)
        arrays = {"ids": ids, "mask": np.zeros_like(ids), "types": np.zeros_like(ids)}
        for k, i in enumerate(batch):
            ids[k, :len(rows[i])] = rows[i]
            arrays["mask"][k, :len(rows[i])] = 1
            arrays["types"][k, :len(rows[i])] = self.types(rows[i])
        return {name: arrays[name] for name in self.inputs}

    def types(self, row):
        return [0] * len(row)

    def finisher(self, model):
        return lambda outputs: outputs

    def sizes(self, model):
        c = read_config(model)
        return c["num_attention_heads"], c["hidden_size"]

    def save_ct2(self, model, folder):
        import ctranslate2
        ctranslate2.converters.TransformersConverter(model).convert(folder)


class Embed(Task):
    unit, compared = "passages", "lowest cosine"
    peers = {"f32": "ct2,ct2x2,ort,openvino,openvinox2,compile,eager,st", "int8": "ct2-int8,ct2x2-int8,ort-int8"}

    def read(self, args):
        texts = []
        for record in read_records(args.texts):
            texts += [c["text"] for c in record["candidates"]] if "candidates" in record else [record["text"]]
        texts = spread(texts, args.limit)
        return [e.ids for e in open_tokenizer(args.tokenizer, MAX_TOKENS).encode_batch(texts)], texts

    def module(self, model, attention):
        import torch
        from transformers import AutoModel

        def forward(bert, ids, mask):
            h = bert(input_ids=ids, attention_mask=additive(mask, attention, ids.shape[1])).last_hidden_state
            return torch.nn.functional.normalize((h * mask[:, :, None].float()).sum(1), dim=1)

        return wrapped(forward, AutoModel.from_pretrained(model, attn_implementation=attention, dtype=torch.float32))

    def from_ct2(self, encoder, rows, model):
        hidden = np.array(encoder.forward_batch(rows).last_hidden_state)
        sums = np.stack([hidden[k, :len(row)].sum(0) for k, row in enumerate(rows)])
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def compare(self, ours, theirs):
        """The lowest cosine of a row; there is no error of scores."""
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        return float(((ours * theirs).sum(1) / norms).min()), None


class Scores(Task):
    """One number a row: what counts is how scores lie to each other."""
    compared = "cosine of scores around their mean"

    def compare(self, ours, theirs):
        """The cosine around the mean, and the largest error as a share of the standard deviation."""
        a, b = ours.mean(1), theirs.mean(1)
        x, y = a - a.mean(), b - b.mean()
        return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y))), float(np.abs(a - b).max() / a.std())


class Cross(Scores):
    unit = "pairs"
    inputs = ("ids", "mask", "types")
    peers = {"f32": "ct2,ct2x2,ort,openvino,eager", "int8": "ct2-int8,ct2x2-int8,ort-int8"}

    def read(self, args):
        pairs = [(r["query"], c["text"]) for r in read_records(args.texts) for c in r["candidates"]]
        pairs = spread(pairs, args.limit or 100)
        return [e.ids for e in open_tokenizer(args.tokenizer, MAX_TOKENS).encode_batch(pairs)], []

    def types(self, row):
        """The second part begins behind the first [SEP], which a row ends with, too."""
        first = row.index(row[-1]) + 1
        return [0] * first + [1] * (len(row) - first)

    def module(self, model, attention):
        import torch
        from transformers import AutoModelForSequenceClassification

        def forward(bert, ids, mask, types):
            added = additive(mask, attention, ids.shape[1])
            return bert(input_ids=ids, attention_mask=added, token_type_ids=types).logits

        return wrapped(forward, AutoModelForSequenceClassification.from_pretrained(
            model, attn_implementation=attention, dtype=torch.float32))

    def from_ct2(self, encoder, rows, model):
        if not hasattr(self, "classifier"):
            from safetensors import safe_open
            with safe_open(os.path.join(model, "model.safetensors"), "np") as f:
                self.classifier = f.get_tensor("classifier.weight"), f.get_tensor("classifier.bias")
        longest = max(map(len, rows))
        types = [self.types(row) + [0] * (longest - len(row)) for row in rows]
        pooled = np.array(encoder.forward_batch(rows, token_type_ids=types).pooler_output)
        return pooled @ self.classifier[0].T + self.classifier[1]


class Mvp(Scores):
    """A list of one query: T5's encoder, of which the views are read, and one decoder step over the whole list."""
    unit = "rows"
    n_views = 4
    optimizer_type = "t5"
    peers = {"f32": "ct2,ct2x2,ort,eager", "int8": "ct2-int8,ct2x2-int8,ort-int8"}

    def read(self, args):
        """The list whose rows come nearest to --row-tokens. Any tokenizer will do: the weights are random."""
        tokenizer = open_tokenizer(args.tokenizer, None)
        views = read_config(args.model)["vocab_size"] - 29  # where T5 has its sentinels
        lists = []
        for record in read_records(args.texts):
            query = tokenizer.encode(f"| Query: {record['query']} | Context:", add_special_tokens=False).ids
            texts = [c["text"] for c in record["candidates"]][:args.limit or 100]
            rows = [[views - k for k in range(self.n_views)] + (query + e.ids)[:MAX_TOKENS - self.n_views - 1] + [1]
                    for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
            lists.append(rows)
        return min(lists, key=lambda rows: abs(sum(map(len, rows)) / len(rows) - args.row_tokens)), []

    def sizes(self, model):
        c = read_config(model)
        return c["num_heads"], c["d_model"]

    def module(self, model, attention):
        import torch
        from transformers import T5EncoderModel

        def forward(t5, ids, mask):
            h = t5(input_ids=ids, attention_mask=additive(mask, "eager", ids.shape[1])).last_hidden_state
            return h[:, :self.n_views].reshape(ids.shape[0], -1)

        return wrapped(forward, T5EncoderModel.from_pretrained(model, attn_implementation="eager", dtype=torch.float32))

    def finisher(self, model):
        """The decoder step by PyTorch, for everybody: less than a hundredth of the time."""
        import torch
        from transformers import T5ForConditionalGeneration
        t5 = T5ForConditionalGeneration.from_pretrained(model, dtype=torch.float32).eval()
        start = t5.shared.weight[0].detach().clone().expand(self.n_views, 1, -1)
        decoder = t5.decoder

        def finish(outputs):
            with torch.inference_mode():
                views = torch.from_numpy(outputs.reshape(len(outputs), self.n_views, -1)).transpose(0, 1)
                anchors = decoder(inputs_embeds=start, encoder_hidden_states=views).last_hidden_state
                return (views @ anchors.transpose(1, 2))[:, :, 0].T.contiguous().numpy()

        return finish

    def save_ct2(self, model, folder):
        """Its converter makes encoder and decoder as one; for states, the encoder has to be a model of its own."""
        import ctranslate2
        from ctranslate2.converters.transformers import _MODEL_LOADERS
        from ctranslate2.specs import common_spec, transformer_spec
        from transformers import T5EncoderModel
        loader, t5, c = _MODEL_LOADERS["T5Config"], T5EncoderModel.from_pretrained(model), read_config(model)
        spec = transformer_spec.TransformerEncoderModelSpec(transformer_spec.TransformerEncoderSpec(
            c["num_layers"], c["num_heads"], pre_norm=True, activation=common_spec.Activation.RELU,
            relative_attention_bias=True, rms_norm=True))
        loader.set_stack(spec.encoder, t5.encoder)
        spec.register_vocabulary([f"<{i}>" for i in range(c["vocab_size"])])
        spec.config.unk_token = "<2>"
        spec.config.layer_norm_epsilon = c["layer_norm_epsilon"]
        spec.validate()
        spec.optimize(quantization="float32")
        os.makedirs(folder)
        spec.save(folder)
        assert ctranslate2.contains_model(folder)

    def from_ct2(self, encoder, rows, model):
        return np.array(encoder.forward_batch(rows).last_hidden_state)[:, :self.n_views].reshape(len(rows), -1)


TASKS = {"embed": Embed, "cross": Cross, "mvp": Mvp}
