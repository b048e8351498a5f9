#!/usr/bin/env python3
"""make_seeds.py FOLDER [STAMP]: writes the seeds of every fuzz target into FOLDER/TARGET/, one file each.

All of them are made up here. An input that once broke something is added to its target's list, so that it is tried
again in every test run. With STAMP, that file is touched at the end, for meson.
"""
import base64
import json
import math
import pathlib
import struct
import sys

MIN_SEEDS = 30


def js(value):
    return json.dumps(value, ensure_ascii=False).encode()


def safetensors():
    def tensor(dtype="F32", shape=(2,), begin=0, end=8):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}

    def a_file(header, data=b"", length=None):
        text = header if isinstance(header, bytes) else js(header)
        return b"\0" + struct.pack("<Q", len(text) if length is None else length) + text + data

    eight = bytes(range(8))
    yield a_file({"w": tensor()}, eight)
    yield a_file({}, b"")
    yield a_file({"__metadata__": {"format": "pt"}, "w": tensor()}, eight)
    yield a_file({"__metadata__": 3, "w": tensor()}, eight)
    for dtype, width in [("F16", 2), ("BF16", 2), ("I8", 1), ("I32", 4), ("I64", 8), ("F64", 8), ("BOOL", 1),
                         ("F9", 4)]:
        yield a_file({"a": tensor(dtype, (2,), 0, 2 * width)}, bytes(2 * width))
    yield a_file({"a": tensor("F32", (), 0, 4)}, bytes(4))
    yield a_file({"a": tensor("F32", (1, 2, 1, 1), 0, 8)}, eight)
    yield a_file({"a": tensor("F32", (1, 2, 1, 1, 1), 0, 8)}, eight)
    yield a_file({"a": tensor("F32", (0,), 0, 0)}, b"")
    yield a_file({"a": tensor(), "b": tensor(begin=8, end=16)}, bytes(16))
    yield a_file({"a": tensor(), "b": tensor()}, eight)
    yield a_file({"a": tensor(), "b": tensor(begin=12, end=20)}, bytes(20))
    yield a_file({"a": tensor()}, bytes(12))
    yield a_file({"a": tensor()}, bytes(4))
    yield a_file({"a": tensor(begin=8, end=0)}, eight)
    yield a_file({"a": tensor(shape=(2**33, 2**33))}, eight)
    yield a_file({"a": tensor(shape=(-1,))}, eight)
    yield a_file({"a": tensor(shape=(1.5,))}, eight)
    yield a_file({"a": {"dtype": 3, "shape": [2], "data_offsets": [0, 8]}}, eight)
    yield a_file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, eight)
    yield a_file({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, eight)
    yield a_file({"a": []}, eight)
    yield a_file(b"[]")
    yield a_file(b"{")
    yield a_file({"w": tensor()}, eight, length=2**63)
    yield a_file({"w": tensor()}, eight, length=10**6)
    ones = struct.pack("<2f", 1, 1)
    for scales, data in ((tensor(), ones), (tensor(shape=(2, 1)), ones), (tensor(shape=(1, 2)), ones),
                         (tensor("F16", (2,), 0, 4), bytes(4)), (tensor(shape=(3,), end=12), bytes(12)),
                         (tensor(), struct.pack("<2f", 1, math.nan)), (tensor(), struct.pack("<2f", -1, 1)),
                         (tensor(), struct.pack("<2f", 1, 3e38)), (tensor("I8", (8,), 0, 8), eight)):
        n = len(data)
        yield a_file({"w_scale": scales, "w": tensor("I8", (2, 3), n, n + 6)}, data + bytes(range(6)))
    yield a_file({"w_scale": tensor(), "w": tensor("I8", (2, 1, 3), 8, 14)}, ones + bytes(6))
    yield a_file({"w": tensor("I8", (2, 3), 0, 6)}, bytes(6))
    yield b"\0short"
    yield b""
    yield b"\1" + js({"weight_map": {"w": "a.safetensors"}})
    yield b"\1" + js({"weight_map": {"w": "a.safetensors", "b": "a.safetensors"}})
    yield b"\1" + js({"weight_map": {"w": "../a.safetensors"}})
    yield b"\1" + js({"weight_map": {"w": 1}})
    yield b"\1" + js({"weight_map": {"w": "gone.safetensors"}})
    yield b"\1" + js({"weight_map": {}})
    yield b"\1" + js({})


def config():
    good = {"architectures": ["BertModel"], "model_type": "bert", "num_hidden_layers": 2, "hidden_size": 64,
            "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 64}
    changes = [{}, {"architectures": []}, {"architectures": ["BertForMaskedLM"]},
               {"architectures": ["BertForSequenceClassification"], "num_labels": 1},
               {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a"}},
               {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b"}},
               {"architectures": ["T5Model"]}, {"model_type": "gpt2"}, {"hidden_act": "gelu_new"},
               {"hidden_act": "silu"},
               {"layer_norm_eps": 1e-6}, {"layer_norm_eps": 0}, {"layer_norm_eps": "x"}, {"num_hidden_layers": 0},
               {"num_hidden_layers": 257}, {"hidden_size": 65}, {"hidden_size": -1}, {"hidden_size": 2**70},
               {"vocab_size": 1.5}, {"max_position_embeddings": 2}, {"type_vocab_size": 17}, {"is_decoder": True},
               {"add_cross_attention": 1}, {"pruned_heads": {"1": [0]}}, {"position_embedding_type": "relative_key"}]
    for change in changes:
        yield b"\0" + js({**good, **change})
    t5 = {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "num_layers": 2, "d_model": 64,
          "num_heads": 4, "d_kv": 16, "d_ff": 128, "vocab_size": 100}
    for change in ({}, {"n_views": 4}, {"n_views": 0}, {"architectures": ["T5EncoderModel"]}, {"d_kv": 0},
                   {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}, {"feed_forward_proj": "gated-"},
                   {"relative_attention_num_buckets": 6}, {"relative_attention_max_distance": 8},
                   {"num_decoder_layers": 1, "decoder_start_token_id": 100}, {"architectures": ["x" * 64]}):
        yield b"\0" + js({**t5, **change})
    for change in ({"n_views": 4}, {}, {"n_views": 4, "mvp_attention": "block"}, {"n_views": 4, "mvp_score_scale": 0},
                   {"n_views": 4, "mvp_decoder_layers": 3}):
        yield b"\0" + js({**good, "architectures": ["RrkMvpBert"], **change})
    yield b"\0" + b"[1]"
    yield b"\0" + b'{"architectures": ["Bert\\u0000Model"]}'
    transformer = {"idx": 0, "path": "", "type": "x.Transformer"}
    pooling = {"idx": 1, "path": "1_Pooling", "type": "x.Pooling"}
    for modules in ([transformer, pooling], [transformer, pooling, {"path": "2_Normalize", "type": "x.Normalize"}],
                    [transformer], [{**transformer, "path": "0"}, pooling], [transformer, {**pooling, "path": "../p"}],
                    [transformer, {**pooling, "type": "x.Dense"}], [{}], {},
                    [transformer, {**pooling, "path": "a" * 300}]):
        yield b"\1" + js(modules)
    for mode in ({"pooling_mode": "cls"}, {"pooling_mode_cls_token": True}, {"pooling_mode_max_tokens": True},
                 {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, {"word_embedding_dimension": 63},
                 {"pooling_mode_mean_tokens": True, "include_prompt": False}, {}):
        yield b"\2" + js(mode)
    for value in (1, 3, 512, -1, "x", None):
        yield b"\3" + js({"max_seq_length": value})
    for prompts in ({"prompts": {}}, {"prompts": []}, {"prompts": {"query": 3}}, {"prompts": {"query": "q" * 5000}},
                    {"prompts": {"passage": "p: "}, "default_prompt_name": "none"}, {"default_prompt_name": 1}):
        yield b"\4" + js(prompts)
    for longest in (1, 2, 1e30, 128, "x"):
        yield b"\5" + js({"model_max_length": longest})


def tokenizer():
    vocab = {piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b", "kettle", "##s"])}
    good = {
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True,
                       "strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "added_tokens": [{"id": i, "content": c, "special": True}
                         for i, c in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])],
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    }

    def changed(part, **change):
        return b"\0" + js({**good, part: {**good[part], **change}})

    yield b"\0" + js(good)
    yield changed("model", type="BPE")
    yield changed("model", unk_token="[NONE]")
    yield changed("model", unk_token=3)
    yield changed("model", continuing_subword_prefix="")
    yield changed("model", max_input_chars_per_word=0)
    yield changed("model", max_input_chars_per_word=1001)
    yield changed("model", vocab={})
    yield changed("model", vocab=[])
    yield changed("model", vocab={**vocab, "x": 2**31})
    yield changed("model", vocab={**vocab, "x": -1})
    yield changed("model", vocab={**vocab, "x": 1999999})
    yield changed("model", vocab={**vocab, "x": "y"})
    yield changed("model", vocab={**vocab, "l" * 1100: 9})
    yield changed("model", vocab={**vocab, "": 9})
    yield changed("normalizer", strip_accents=False)
    yield changed("normalizer", lowercase=False, clean_text=False)
    yield changed("normalizer", lowercase="yes")
    yield changed("normalizer", type="NFC")
    yield changed("post_processor", type="BertProcessing", cls=["[CLS]", 2], sep=["[SEP]", 3])
    yield changed("post_processor", type="BertProcessing", cls=[], sep=3)
    yield changed("post_processor", single=[])
    yield changed("post_processor", type="Other")
    for part in good:
        yield b"\0" + js({key: value for key, value in good.items() if key != part})
    yield b"\0" + js({**good, "added_tokens": [{"id": 900, "content": "[NEW]", "special": True}]})
    yield b"\0" + js({**good, "added_tokens": [{"id": "x", "content": 3}]})
    yield b"\0[]"
    yield b"\0{"
    yield b"\1[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##a\n"
    yield b"\1[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n"
    yield b"\1[PAD]\n[UNK]\n[CLS]\n"
    yield b"\1[PAD]\n\n\n[UNK]\n[UNK]\n[CLS]\n[SEP]\n\xff\n"
    yield b"\1"
    yield b"\2" + js({"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False})
    yield b"\2" + js({"cls_token": "a", "sep_token": {"content": "b"}, "unk_token": "kettle"})
    yield b"\2" + js({"cls_token": 3})
    yield b"\2" + js({"cls_token": "x" * 1100})
    yield b"\3" + js({"cls_token": "[SEP]", "pad_token": {"content": "[PAD]"}})
    yield b"\3" + js({"cls_token": {"content": []}})


def trie(replacements):
    """The blob of a precompiled normalizer: {bytes: replacement}, no key the beginning of another with the same bytes."""
    units, strings = {}, b""
    nodes, free = {b"": 0}, 1
    keys = sorted(replacements)
    # Children of a node lie in a block of 256 units of their own, so an offset is a multiple of 256.
    for depth in range(max(map(len, keys), default=0) + 1):
        for prefix in [p for p in nodes if len(p) == depth]:
            block, free = free * 256, free + 1
            at = nodes[prefix]
            label = prefix[-1] if prefix else 0
            units[at] = (block ^ at) << 10 | (prefix in replacements) << 8 | label if (block ^ at) < 1 << 21 else 0
            if prefix in replacements:
                units[block] = 0x80000000 | len(strings)
                strings += replacements[prefix] + b"\0"
            for byte in {k[depth] for k in keys if k[:depth] == prefix and len(k) > depth}:
                nodes[prefix + bytes([byte])] = block ^ byte
    array = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(free * 256))
    return struct.pack("<I", len(array)) + array + (strings or b"\0")


def spiece():
    def varint(value):
        out = b""
        while value >= 0x80:
            out, value = out + bytes([value & 0x7f | 0x80]), value >> 7
        return out + bytes([value])

    def field(number, value):
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        return varint(number << 3 | 2) + varint(len(value)) + value

    def piece(text, score=-1.0, kind=1):
        body = field(1, text if isinstance(text, bytes) else text.encode()) + b"\x15" + struct.pack("<f", score)
        return field(1, body + (field(3, kind) if kind != 1 else b""))

    def of(model, text="ab ba x", how=0, times=0):
        return bytes([how]) + struct.pack("<HB", len(model), times) + model + text.encode()

    normal, unknown, control, user, unused, byte = 1, 2, 3, 4, 5, 6
    start = piece("<unk>", 0, unknown) + piece("<s>", 0, control) + piece("</s>", 0, control)
    good = start + b"".join(piece(t, s) for t, s in [("\u2581", -2), ("a", -2), ("b", -2), ("ab", -3), ("\u2581a", -3)])
    texts = ["", "a", "ab ba", "  a  b ", "\u4e00\u4e01a\u4e00", "<unk></s>", "a<extra_id_0>b", "\u2581a", "\0",
             "e\u0301", "\ufdfa", "\U0010fffd", "\ue000 a"]
    for i, text in enumerate(texts):
        yield of(good, text, how=i % 4, times=i)
    yield of(good, "\u4e00", times=255)
    yield of(good, "a b ", times=255)
    yield of(good) + b"\xff"
    for more in (piece("ba", -1, user), piece("ba", -1, unused), piece("<extra_id_0>"), piece("a\u2581b"),
                 piece("a", -1), piece("", -1), piece(b"\xff"), piece("c\0"), piece("c", float("nan")), piece("c", 0, 9),
                 piece("x" * 1025), piece("\ue000"), piece("<0x41>", 0, byte), piece("<0x41>", 0, control),
                 piece("<0x41>"), piece("c", 3e38) + piece("d", -3e38)):
        yield of(good + more)
    every_byte = b"".join(piece(f"<0x{i:02X}>", 0, byte) for i in range(256))
    yield of(good + every_byte + field(2, field(35, 1)), "a\u4e00\u4e01b")
    yield of(good + every_byte[:-20] + field(2, field(35, 1)))
    yield of(good + every_byte)
    for trainer in (field(3, 1), field(3, 2), field(3, 4), field(24, 1), field(35, 0), field(35, 1), b"\x18"):
        yield of(good + field(2, trainer))
    table = trie({b"x": b"ab", b"y": b"", b"\xc3\xa4": b"a "})
    for normalizer in (field(2, table), field(2, table[:-1]), field(2, b"\xff\0\0\0"), field(2, table[4:]),
                       field(3, 0), field(4, 0), field(5, 0), field(2, table) + field(4, 0) + field(3, 0), field(2, b"")):
        yield of(good + field(3, normalizer), "xay  \u00e4b x")
        yield of(good + field(5, normalizer), "xay", how=2)
    yield of(good[:-3])
    yield of(b"")
    yield of(b"\0")
    yield of(start)
    yield of(field(1, b""))


def unigram():
    special = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    a, b = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}
    vocab = [["<pad>", 0], ["</s>", 0], ["<unk>", 0], ["<s>", 0], ["\u2581", -2], ["a", -2], ["b", -2.5], ["ab", -3],
             ["\u2581a", -3], ["<0x41>", -9]]
    good = {"added_tokens": [{"id": 1, "content": "</s>", "special": True}], "normalizer": None,
            "pre_tokenizer": metaspace,
            "post_processor": {"type": "TemplateProcessing", "single": [a, special], "pair": [a, special, b, special]},
            "model": {"type": "Unigram", "unk_id": 2, "vocab": vocab}}

    def of(value, text="ab  ba xy A", how=9):
        return bytes([how]) + struct.pack("<H", len(js(value))) + js(value) + text.encode()

    for i, text in enumerate(["", "a", " ", "a b", "\u4e00\u4e01", "<unk></s>", "\u2581\u2581a", "\r\n\t", "e\u0301\u0323",
                              "\ufdfa", "\0", "A" * 40]):
        yield of(good, text, how=i)
    yield of(good) + b"\xff"
    for part in good:
        yield of({key: value for key, value in good.items() if key != part})
    table = base64.b64encode(trie({b"x": b"ab", b"y": b"", b"\xc3\xa4": b"a "})).decode()
    steps = [{"type": "Precompiled", "precompiled_charsmap": table},
             {"type": "Precompiled", "precompiled_charsmap": "/wAAAA=="},
             {"type": "Replace", "pattern": {"String": "a"}, "content": "bb"},
             {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"},
             {"type": "Replace", "pattern": {"Regex": "a+"}, "content": ""}, {"type": "Strip", "strip_left": True},
             {"type": "NFC"}, {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "NFD"}]
    for step in steps:
        yield of({**good, "normalizer": step}, "  xay  \u00e4b \ufdfa\u0130A  ")
    yield of({**good, "normalizer": {"type": "Sequence", "normalizers": steps[:1] + steps[2:4] + steps[5:9]}},
             "  xay  \u00e4b \ufdfaA  ")
    yield of({**good, "normalizer": {"type": "Sequence", "normalizers": steps[2:3] * 17}})
    split = {"type": "WhitespaceSplit"}
    for splitter in ({**metaspace, "prepend_scheme": "first"}, {**metaspace, "prepend_scheme": "never"},
                     {**metaspace, "split": False}, {**metaspace, "replacement": "ab"}, split,
                     {"type": "Sequence", "pretokenizers": [split, metaspace]},
                     {"type": "Sequence", "pretokenizers": [metaspace, metaspace]}):
        yield of({**good, "pre_tokenizer": splitter}, " a\tb  ab\n")
    for rows in ({"type": "RobertaProcessing", "cls": ["<s>", 3], "sep": ["</s>", 1]},
                 {"type": "BertProcessing", "cls": ["<s>", 3], "sep": ["</s>", 1]},
                 {"type": "TemplateProcessing", "single": [start, a, special],
                  "pair": [start, a, special, special, b, special]},
                 {"type": "TemplateProcessing", "single": [a], "pair": []}):
        yield of({**good, "post_processor": rows})
    for change in ({"unk_id": 10}, {"unk_id": None}, {"byte_fallback": True}, {"vocab": []}, {"vocab": {}},
                   {"vocab": [["a"]]}, {"vocab": vocab + [["a", -1], ["", -1]]}, {"vocab": vocab + [["x" * 1025, 0]]},
                   {"vocab": vocab + [["c", 1e308], ["d", -1e308]]}, {"type": "BPE"}):
        yield of({**good, "model": {**good["model"], **change}})
    yield of({**good, "added_tokens": [{"id": 30, "content": "<mask>", "special": True}]})
    yield of({**good, "added_tokens": [{"id": 1999999, "content": "a", "special": False}]})


def wordpiece():
    texts = ["", "a", "kettles", "Kettles ab", "[CLS] a [SEP]", "\u00e9a", "e\u0301", "\u00c4\u00c4", "\u6c34a\u6c34",
             "!!a!!",
             "a" * 19, "a" * 20, "a" * 21, "a\0b", "a\u00a0b", "a\u200bb", "\ufffd", "\u0130", "a\tb\r\nb", "12 122",
             "zz a zz",
             "\u1e69", "\ud55c", "\U0001f600", "a\u0301\u0327b", "\u2028a", "##a", "# #a", "kettle" * 3, "a " * 40]
    for i, text in enumerate(texts):
        yield bytes([i % 16, i]) + text.encode()
    for broken in (b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"kettle \xe6\xb0"):
        yield b"\x0f\x08" + broken


def import_lines():
    for how in (0, 4):
        head = bytes([how])
        yield head + js({"_id": "a", "title": "T", "text": "some text", "metadata": {}})
        yield head + js({"_id": "a", "text": "some text"})
        yield head + js({"_id": 3, "text": "some text"})
        yield head + js({"_id": "a", "text": ""})
        yield head + js({"_id": "", "text": "x"})
        yield head + js({"_id": "i" * 513, "text": "x"})
        yield head + js({"_id": "a", "text": "x", "metadata": [1]})
        yield head + js({"_id": "a", "text": "x", "metadata": {"url": "http://x", "n": {"m": [1, 2]}}})
        yield head + b'{"_id":"a\\u0000b","text":"x"}'
        yield head + b'{"_id":"a","text":"\\ud800"}'
        yield head + b'{"_id":"a","text":"x"'
        yield head + b"[]"
    yield b"\1" + b"1\tsome text"
    yield b"\1" + b"1\tsome\ttext"
    yield b"\1" + b"1"
    yield b"\1" + b"\ttext"
    yield b"\1" + b"1\t"
    yield b"\1" + b"1\t\xff"
    yield b"\1" + b"1\ta\0b"
    markdown = ["# A\ntext\n## B\nmore\n", "no heading\n\npara two\n", "```\n# code\n```\nafter\n",
                "A\n===\ntext\nB\n---\n",
                "#no space\n####### seven\n# \n", "\ufeff# A\nx", "\r\n\r\n# A\r\nx\r\n",
                "- list\n- list\n\n> quote\n", "word " * 900,
                "x" * 9000, "---\ntitle: t\n---\n# A\n", "\n\n\n", "# A # \n\n# A\n\n# A\n", "~~~\nopen fence\n# in\n"]
    for text in markdown:
        yield b"\2" + text.encode()
        yield b"\3" + text.encode()
    yield b"\2" + b"# \xff\ntext"
    yield b""


def query():
    texts = ["kettle", "the", "", " ", "kettles' water", "\"water\"", "water AND salt", "NEAR(a b)", "body:water",
             "wat*", "^water",
             "-water", "(", ")", "\"", "\"\"\"", "'; DROP TABLE passage; --", "a" * 255, "a" * 256, "a" * 2000,
             "u.s.a. can't",
             "\u00c4PFEL", "\u6c34", "ru\u00adnning", "\U0001f600", "water " * 300,
             " ".join(f"w{i}" for i in range(400)), "x\0y",
             "1 22 333", "running runners ran", "kettle\u2019s", "\u212a", "\uff4b\uff45\uff54", "a\u0301",
             "\u0e01\u0e02"]
    for text in texts:
        yield text.encode()
    yield b"\xff water"
    yield b"water \xe6"


def judgements():
    qrels = ["q 0 d 1\n", "q 0 d 1\nq 0 e 0\nr Q0 d -2\n", "q d 1\n", "query-id\tcorpus-id\tscore\nq\td\t1\n",
             "q 0 d 1 x\n",
             "q 0 d x\n", "q 0 d 1\nq 0 d 2\n", "q 0 d 99999999999999999999\n", "", "\n\n", "q\t0\td\t3\r\n",
             "q 0 d +1\n",
             "q 0 d 1.0\n", "q 0\n", "  q  0  d  1  \n"]
    for text in qrels:
        yield b"\0" + text.encode()
    runs = ["q Q0 d 1 2.5 t\n", "q Q0 d 1 2.5 t\nq Q0 e 2 2.5 t\n", "q Q0 d 1 nan t\n", "q Q0 d 1 inf t\n",
            "q Q0 d 1 1e400 t\n",
            "q Q0 d 1 -1e-400 t\n", "q Q0 d 1 0x1p3 t\n", "q Q0 d x 3 t\n", "q Q0 d 1 3\n", "q Q0 d 1 3 t u\n", "",
            "q Q0 d 1 3 t\nq Q0 d 2 2 t\n", "q Q0 d 1 -3.4028235e38 t\nq Q0 e 1 -3.4028235e38 t\n", "q Q0 d 1 3,5 t\n",
            "q Q0 d 1 1e-45 t\nr Q0 d 1 16777217 t\n", "q Q0 d 1 3. t", "q Q0 d 1 .5 t", "q Q0 d 1 . t"]
    for text in runs:
        yield b"\1" + text.encode()
    queries = ['{"_id":"1","text":"kettle"}\n', "1\tkettle\n2\twater\n", '{"_id":"1"}\n', "1\n", "\tkettle\n",
               "1\ta\tb\n", "1\ta\n1\tb\n",
               '{"_id":1,"text":"x"}\n', '{"_id":"1","text":"\\u0000"}\n', "", "1\t\n", "\ufeff1\tx\n"]
    for text in queries:
        yield b"\2" + text.encode()
    yield b"\2\xff\t\xff\n"
    yield b"\1q\0r Q0 d 1 3 t\n"
    yield bytes.fromhex("0100002000ff20302 0ff00ff203020ff00310a".replace(" ", ""))
    yield b"\0\xff 0 \xff 1\n"


def candidates():
    doc = {"docid": "d1", "score": 1.5, "title": "T", "text": "some text"}
    plain = {"qid": "q", "query": "kettle", "candidates": [doc, {**doc, "docid": "d2"}]}
    listt5 = {"qid": "q", "q_text": "kettle", "bm25_results": [{"pid": 7, "text": "x", "title": "y", "bm25_score": 1}]}
    rankllm = {"query": {"text": "kettle", "qid": 3}, "candidates": [{"docid": "a", "score": 2,
                                                                      "doc": {"contents": "x"}}]}
    for value in (plain, listt5, rankllm):
        yield js(value) + b"\n"
        yield js(value) + b"\n" + js(value)
        yield js(value)[:-3]
        for key in value:
            yield js({k: v for k, v in value.items() if k != key}) + b"\n"
            yield js({**value, key: None}) + b"\n"
            yield js({**value, key: 12345678901234567890}) + b"\n"
    for key in ("text", "contents", "segment", "body", "passage"):
        yield js({**rankllm, "candidates": [{"docid": "a", "doc": {key: "words", "title": None}}]})
    yield js({**plain, "candidates": []})
    yield js({**plain, "candidates": [{"docid": "a"}]})
    yield js({**plain, "candidates": [3, None, "x"]})
    yield js({**plain, "candidates": [{"docid": -5, "text": "x"}]})
    yield js({**plain, "candidates": [{"docid": 1.5, "text": "x"}]})
    yield js({**plain, "query": {"text": {"text": "x"}}})
    yield b"\n \n" + js(plain) + b"\r\n"
    yield b"[]\n"
    yield b"\xff"
    yield b'{"qid":"a\\u0000","query":"\\ud800","candidates":[]}'


def reply():
    def of(text, n=5, n_wanted=5, piece=3):
        return struct.pack("<HHB", n, n_wanted, piece) + (text if isinstance(text, bytes) else text.encode())

    texts = ["[2] > [1] > [3] > [5] > [4]", "[2]>[1]", "2 > 1 > 3", "", "[1]", "[1] > [1] > [2]", "[9] > [1]", "[0]",
             "[1", "[1] > [2",
             "has 5 facts. [4] > [1]", "[1, 2, 3]", "[[2]] > [1]", "[ 3 ] [4 ]", "(1) (2)", "\u00b2 \u00b3 [1]",
             "\uff3b\uff11\uff3d",
             "[\uff12]", "1. [3]\n2. [1]\n3. [2]", "1) 3\n2) 1", "**[2]** > [1]", "[1]-[3]",
             "[99999999999999999999999]", "[-1]", "[1.5]",
             "A > B > C", "Passage 3, then passage 1", "3.5 points, 2nd place, 5km",
             "[2] > [1] > [3] > [5] > [4] \n\nNote [1] is old.",
             "I cannot rank these.", "<think>[5]</think>[1] > [2]", "[\"2\", \"1\"]", "[a] > [2]", "]1[ ]2[",
             "[[[[[[[[1]]]]]]]]", "\0[1]\0",
             " > ".join(f"[{i}]" for i in range(100, 0, -1)), "1" * 300, "[" * 300, "[1]" * 200, "\r\n\r\n2\r\n1"]
    for text in texts:
        yield of(text)
    yield of("[2] > [1]", n=0, n_wanted=0)
    yield of("[1]", n=1, n_wanted=1, piece=0)
    yield of(" > ".join(f"[{i}]" for i in range(1, 101)), n=100, n_wanted=10, piece=0)
    yield of("[3] > [3] > [2] > [7] > [1]", n=5, n_wanted=2)
    yield of(b"\xff[2]\xfe > [1]")


def template():
    single = ("method: singleturn_listwise\nbody: \"[{rank}] {candidate}\\n\"\nprefix: \"Rank {num} for {query}\\n\"\n"
              "output_validation_regex: r\"^\\\\[\\\\d+\\\\]\"\noutput_extraction_regex: r\"\\\\d+\"\n")
    multi = ("method: multiturn_listwise\nbody_user: \"[{rank}] {candidate}\"\nbody_assistant: \"Received [{rank}].\"\n"
             "suffix_user: |\n  Query: {query}. Rank all {num}.\n"
             "output_validation_regex: 'a'\noutput_extraction_regex: 'b'\n")
    yield single.encode()
    yield multi.encode()
    for text in (single, multi):
        lines = text.splitlines(keepends=True)
        for i in range(len(lines)):
            yield "".join(lines[:i] + lines[i + 1:]).encode()
            yield "".join(lines + lines[i:i + 1]).encode()
    for more in ("system_message: You rank {things}.\n", "suffix: >-\n  folded {query}\n  text\n", "suffix: ''\n",
                 "suffix: ~\n",
                 "suffix: [a]\n", "suffix: {a: b}\n", "suffix: &x a\n", "suffix: *x\n", "suffix: !!int 3\n",
                 "suffix: !!str 3\n",
                 "suffix: \"{\"\n", "suffix: \"}\"\n", "suffix: \"{{}}\"\n", "suffix: \"{}\"\n", "suffix: \"{0}\"\n",
                 "suffix: \"{query!r}\"\n", "suffix: \"{query:>3}\"\n", "suffix: \"{candidate}\"\n",
                 "suffix: \"\\x41\\u00e4\\U0001F600\"\n",
                 "suffix: \"\\0\"\n", "odd_key: 1\n", "? suffix\n: text\n", "\"suffix\": text\n", "# comment\n",
                 "...\n", "---\na: b\n",
                 "prefix_user: a\n", "\tsuffix: a\n", "suffix: a: b\n", "suffix: |2-\n    x\n", "<<: {a: b}\n"):
        yield (single + more).encode()
    for more in ("prefix_user: \"{query}\"\n", "prefix_assistant: ok\n",
                 "prefix_user: \"{query}\"\nprefix_assistant: \"{num}\"\n"):
        yield (multi + more).encode()
    yield ("method: multiturn_listwise\nbody_user: \"[{rank}] {candidate}\"\nbody_assistant: ;\n"
           "output_validation_regex: 'a'\noutput_extraction_regex: 'b'\n"
           "prefix_user: \"{query}\"\nprefix_assistant: \"{num}\"\n").encode()
    yield ("method: multiturn_listwise\nbody_user: \"[{rank}] {candidate}\"\nbody_assistant: ;\nsuffix_user: |\n"
           "# nothing\noutput_validation_regex: 'a'\noutput_extraction_regex: 'b'\n"
           "prefix_user: \"{query}\"\nprefix_assistant: \"{num}\"\n").encode()
    yield single.replace("singleturn", "pointwise").encode()
    yield single.replace("\n", "\r\n").encode()
    yield b"\xef\xbb\xbf" + single.encode()
    yield single.encode("utf-16")
    yield b"%YAML 1.2\n---\n" + single.encode()
    yield b"{method: singleturn_listwise, body: '{rank}{candidate}'}"
    yield b"- a\n- b\n"
    yield b""
    yield b"text"
    yield b"a: \xff\n"


def ready_text():
    def of(text, title="", max_words=0, max_tokens=0):
        head, body = title.encode(), text if isinstance(text, bytes) else text.encode()
        return bytes([max_words, max_tokens, len(head)]) + head + body

    texts = ["plain words here", "[12] passage", "[ 12 ]", "[1][2] [3", "\uff3b\uff11\uff12\uff3d", "[\uff11]",
             "[\u0661]", "[1\u200b2]",
             "a\u2028b\u2029c", "a\0b", "\u202etfel", "\u2066iso\u2069", "\u200emark\u061c", "  many   blanks  ",
             "\r\n\t\v\f", "\u00a0\u3000",
             "{query} {rank}", "x" * 2000, "word " * 200, "\u6c34" * 100, "[\u202a1]", "[[1]]", "[1]]", "[ 1 2 ]",
             "[1, 2]", "[01]", "]1[",
             "\U0001f600 \U0001f468\u200d\U0001f469", "e\u0301", "[\n7\n]", "", "[", "[1", "\u0085"]
    for text in texts:
        yield of(text)
    for words, tokens in ((1, 0), (3, 0), (0, 1), (0, 7), (5, 5), (63, 63)):
        yield of("[12] some words [3] and more words [ 4 ] at the end of it", "A title [1]", words, tokens)
        yield of("\u6c34\u6c34\u6c34 [12]" * 9, "", words, tokens)
        yield of("w" * 500, "t", words, tokens)
    for broken in (b"\xff", b"a\xc3", b"\xed\xa0\x80", b"[\xff1]", b"\xe2\x80", b"[1\xc3]"):
        yield of(broken)


def event(value):
    return b"data: " + (value if isinstance(value, bytes) else js(value)) + b"\n\n"


def sse():
    def of(stream, n_wanted=0, max_bytes=200, piece=4):
        return bytes([n_wanted, max_bytes, piece]) + stream

    streams = [b"data: a\n\n", b"data: a\r\n\r\n", b"data: a\r\r", b"data:a\n\n", b"data:  a\n\n", b"data\n\n",
               b"data:\n\n",
               b"data: a\ndata: b\n\n", b": comment\n\ndata: a\n\n", b"event: x\nid: 1\nretry: 3\ndata: a\n\n",
               b"data: a\n", b"data: a",
               b"\xef\xbb\xbfdata: a\n\n", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", b"data: [DONE]\n\n", b"dat: a\n\n",
               b"data : a\n\n",
               b"Data: a\n\n", b"data: a\n\n\n\n\ndata: b\n\n", b"data: \0\n\n", b"data: \xff\n\n", b"\n\n\n",
               b"\r\n\r", b"\r\ndata: a\r\n\n\r",
               b"data: " + b"x" * 190 + b"\n\n", b"data: " + b"x" * 200 + b"\n\n",
               (b"data: " + b"x" * 60 + b"\n") * 5 + b"\n", b"",
               b"data:\ndata:\ndata:\n\n", b"x" * 300, b"{\"error\": 1}", b"data: a\n\rdata: b\n\r"]
    for stream in streams:
        yield of(stream)
    yield of(b"data: a\n\ndata: b\n\ndata: c\n\n", n_wanted=2, piece=0)
    yield of(b"data: a\n\ndata: b\n\n", n_wanted=1, piece=31)
    yield of(b"data: a\ndata: bc\n\n", max_bytes=3)
    yield of(b"data: a\n\n", max_bytes=0)


def answer():
    def body(message, finish="stop", **more):
        return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}

    def delta(**delta):
        return event({"choices": [{"index": 0, "delta": delta}]})

    done = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + event(b"[DONE]")
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}}
    ranking = "[2] > [1]"
    bodies = [
        body({"content": ranking}), body({"content": ranking}, usage=usage),
        body({"content": ranking}, finish="length"),
        body({"content": None}), body({"content": "<think>[1]</think>" + ranking}), body({"content": "<think>[1]"}),
        body({"content": "a</think>b</think>" + ranking}), body({"content": ranking, "reasoning_content": "hm [1]"}),
        body({"content": ranking, "reasoning": "hm"}), body({"content": [{"type": "text", "text": ranking}]}),
        body({"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": ranking}]}),
        body({"content": [3, ranking]}), body({"content": ranking}, finish="error"), body(3), body({}),
        {"choices": [{"text": ranking}]}, {"choices": []}, {"choices": {}}, {}, [],
        {"error": {"message": "too long", "code": 400}},
        {"error": "no model"}, {"error": None, **body({"content": ranking})},
        {"object": "error", "message": "bad sk-secret key"},
        {"detail": [{"loc": ["body", "messages", 0], "msg": "wrong"}]}, {"error": {"message": "sk-secretsk-secret",
                                                                                   "code": "429"}},
        {"error": {"detail": [{"loc": [""], "msg": "x"}]}}, body({"content": ranking}, usage={"prompt_tokens": -1}),
        body({"content": "x" * 5000}), {"error": {"message": "m" * 5000}},
    ]
    for value in bodies:
        yield b"\0" + js(value)
    for raw in (b"", b"null", b"<html>502</html>", b"\xff", b'{"choices":[{"message":{"content":"\\ud83d"}}]}',
                b'{"choices":[{"message":{"content":"\xe6\xb0"}}]}',
                b'{"choices":[{"message":{"content":"a\\u0000b"}}]}'):
        yield b"\0" + raw
    yield b"\1" + delta(role="assistant") + delta(content="[2]") + delta(content=" > [1]") + done
    yield b"\1" + delta(content="[2] > [1") + delta(content="]")
    yield b"\1" + delta(content="<thi") + delta(content="nk>[1]</th") + delta(content="ink>[2]") + done
    yield b"\1" + delta(reasoning_content="hm") + delta(content=ranking) + event({"choices": [], "usage": usage}) + done
    yield b"\1" + delta(content="[2]") + event({"error": {"message": "overloaded sk-secret", "code": 503}})
    yield b"\1" + b": ping\n\n" + delta(content=ranking) + event(b"[DONE] ")
    yield b"\1" + event({"choices": [{"index": 1, "delta": {"content": "other"}}]}) + delta(content=ranking) + done
    yield b"\1" + event(b"not json")
    for value in bodies[-12:]:
        yield b"\4" + js(value)
    for raw in (b"", b"plain text sk-secret", b"<html><h1>502</h1> Bad <b>Gateway</b>", b"<", b"a\x01b\x02",
                b"\xff\xfe", b"[[]]",
                "\u202esk-\u202esecret\u2028".encode(), b"sk-sk-secretsecret", b'[{"msg": "x", "loc": ["a", 1, null]}]',
                b'{"detail": ["a", {"msg": "b"}]}', b"x" * 300, "\u6c34".encode() * 100):
        yield b"\4" + raw
    for text in ("plain", "<think>a</think>b", "</think></think>x", "<think>", "<<think>>a</think",
                 "</thi</think>nk>", "<think>a</think><think>b"):
        yield b"\2" + text.encode()
    for value in ({"answer": ranking, "thinking": True, "prompt_tokens": 3, "completion_tokens": 2**60},
                  {"answer": 3}, {},
                  {"answer": "\0\u00e4", "cut": True, "stopped": 1, "thinking_tokens": -5}):
        yield b"\3" + js(value)


def hub():
    commit = "0123456789abcdef0123456789abcdef01234567"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    config = {"rfilename": "config.json", "size": 5}
    weights = {"rfilename": "model.safetensors", "size": 9, "lfs": {"sha256": sha256, "size": 9, "pointerSize": 134}}

    def listing(*files, **more):
        return js({"id": "a/b", "sha": commit, "siblings": list(files), **more})

    def index(weight_map, *files):
        text = listing({"rfilename": "model.safetensors.index.json"}, *files)
        return b"\1" + struct.pack("<H", len(text)) + text + js({"weight_map": weight_map})

    shard = {"rfilename": "a.safetensors"}
    for files in ([config, weights], [], [config, config], [{}], [None], [3], [{"rfilename": 3}],
                  [{"rfilename": "../config.json"}, {"rfilename": "/etc/passwd"}, {"rfilename": "a\\b.safetensors"}],
                  [{"rfilename": name + "/config.json"} for name in ("1_Pooling", "1_..", "1_", "Pooling", "..")],
                  [{"rfilename": name + ".safetensors"} for name in ("x" * 130, "", "a.", "-a")],
                  [{"rfilename": "pytorch_model.bin"}], [{**config, "size": -1}], [{**config, "size": 2**62}],
                  [{**config, "size": 1.5}], [{**config, "size": None}], [{**config, "lfs": None}],
                  [{**config, "lfs": []}],
                  [{**weights, "lfs": {"sha256": sha256.upper()}}], [{**weights, "lfs": {"oid": "sha256:" + sha256}}],
                  [{**weights, "lfs": {"oid": sha256[1:]}}], [{**weights, "lfs": {"size": -9}}],
                  [{"rfilename": f"m-{i}.safetensors"} for i in range(40)]):
        yield b"\0" + listing(*files)
    for raw in (b"", b"[]", b"{", b"null", b"\xff", js({"siblings": []}), js({"sha": "xyz", "siblings": []}),
                js({"sha": commit}), js({"sha": commit, "siblings": {}}),
                b'{"sha": "a", "sha": "b"}', b'{"siblings":[{"rfilename":"a\\u0000.safetensors"}]}'):
        yield b"\0" + raw
    yield index({"w": "a.safetensors"}, shard)
    yield index({"w": "a.safetensors", "v": "a.safetensors"}, shard, {"rfilename": "b.safetensors"})
    yield index({"w": "gone.safetensors"}, shard)
    yield index({"w": "../a.safetensors"}, shard)
    yield index({"w": "config.json"}, shard, config)
    yield index({"w": 1}, shard)
    yield index({}, shard)
    yield index([], shard)
    yield index({"w": "a.safetensors"}, shard, weights)
    for name in ("a", "owner/name", "owner/name@v1", "a/b/c", "../a", "a@", "a@b/c", "a@../b", "-a", "a" * 200, "",
                 "@", "a..b"):
        yield b"\2" + name.encode()


TARGETS = {f.__name__: f for f in (safetensors, config, tokenizer, wordpiece, import_lines, query, judgements,
                                   candidates,
                                   reply, template, ready_text, sse, answer, hub, spiece, unigram)}


def main():
    root = pathlib.Path(sys.argv[1])
    for name, seeds_of in TARGETS.items():
        seeds = list(dict.fromkeys(seeds_of()))
        assert len(seeds) >= MIN_SEEDS, f"{name} has {len(seeds)} seeds"
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for i, seed in enumerate(seeds):
            (folder / f"{i:03}").write_bytes(seed)
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).touch()


if __name__ == "__main__":
    main()
