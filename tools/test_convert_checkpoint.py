#!/usr/bin/env python3
"""Checkpoints of toys: what is in them comes out as it was, and nothing in them is run."""
import contextlib
import io
import json
import os
import pathlib
import pickle
import struct
import sys
import tempfile
import unittest
import unittest.mock

try:
    import torch
except ImportError:
    print("SKIP: there is no PyTorch for this Python")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import convert_checkpoint  # noqa: E402

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "BOOL": torch.bool}


def read(path):
    """The tensors of a safetensors file, by this test's own reading of the format."""
    data = path.read_bytes()
    n_header = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n_header])
    assert (8 + n_header) % 8 == 0
    out, at = {}, 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        assert begin == at, "no gaps"
        at = end
        body = bytearray(data[8 + n_header + begin:8 + n_header + end])
        dtype = TYPES[entry["dtype"]]
        flat = torch.frombuffer(body, dtype=dtype) if body else torch.empty(0, dtype=dtype)
        out[name] = flat.reshape(entry["shape"])
    assert 8 + n_header + at == len(data)
    return out


class Evil:
    """What a pickle can do to whoever loads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class ConvertCheckpoint(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        torch.manual_seed(1)

    def save(self, state, name="pytorch_model.bin"):
        torch.save(state, self.folder / name)

    def run_main(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = convert_checkpoint.main([str(self.folder), *arguments])
        return code, out.getvalue(), err.getvalue()

    def expect_refusal(self, part, *arguments):
        code, _, err = self.run_main(*arguments)
        self.assertEqual(code, 1)
        self.assertIn(part, err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertEqual([p.name for p in self.folder.glob("*.part")], [])

    def test_tensors_come_out_as_they_were(self):
        state = {"b.weight": torch.randn(3, 5), "a.half": torch.randn(4).half(), "a.bf16": torch.randn(2, 2).bfloat16(),
                 "ids": torch.arange(6), "mask": torch.tensor([True, False]), "scalar": torch.tensor(2.5),
                 "empty": torch.zeros(0, 4), "transposed": torch.randn(3, 2).t(), "name \u00e4": torch.zeros(1)}
        self.save(state)
        code, out, err = self.run_main()
        self.assertEqual((code, err), (0, ""))
        self.assertIn("9 tensors", out)
        found = read(self.folder / "model.safetensors")
        self.assertEqual(sorted(found), sorted(state))
        for name, tensor in state.items():
            self.assertEqual(found[name].dtype, tensor.dtype, name)
            self.assertTrue(torch.equal(found[name], tensor), name)

    def test_shared_tensors_are_written_once(self):
        table = torch.randn(10, 4)
        self.save({"shared.weight": table, "encoder.embed_tokens.weight": table, "lm_head.weight": table,
                   "first_row": table[0], "equal.weight": table.clone()})
        code, out, _ = self.run_main()
        self.assertEqual(code, 0)
        found = read(self.folder / "model.safetensors")
        self.assertEqual(sorted(found), ["equal.weight", "first_row", "shared.weight"])
        self.assertIn("lm_head.weight: shares its memory with shared.weight", out)

    def test_shards_become_one_file(self):
        self.save({"a": torch.ones(2)}, "pytorch_model-1.bin")
        self.save({"b": torch.zeros(3)}, "pytorch_model-2.bin")
        index = {"weight_map": {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}}
        (self.folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
        self.assertEqual(self.run_main()[0], 0)
        self.assertEqual(sorted(read(self.folder / "model.safetensors")), ["a", "b"])

    def test_an_index_stays_in_its_folder(self):
        for bad in ({"weight_map": {"a": "../x.bin"}}, {"weight_map": {"a": "/etc/passwd"}}, {"weight_map": {"a": 3}},
                    {"weight_map": {"a": "gone.bin"}}, {"weight_map": {}}, {"weight_map": 3}, {}, []):
            (self.folder / "pytorch_model.bin.index.json").write_text(json.dumps(bad))
            self.expect_refusal("pytorch_model.bin.index.json")

    def test_the_type_is_changed_where_it_is_a_float(self):
        self.save({"w": torch.randn(3), "ids": torch.arange(3)})
        for dtype, kind in (("f16", torch.float16), ("bf16", torch.bfloat16), ("f32", torch.float32)):
            code, out, _ = self.run_main("--dtype", dtype, "--force")
            self.assertEqual(code, 0)
            found = read(self.folder / "model.safetensors")
            self.assertEqual((found["w"].dtype, found["ids"].dtype), (kind, torch.int64))

    def test_what_f16_cannot_hold_is_not_made_infinite(self):
        self.save({"w": torch.tensor([1.0, 1e6])})
        self.expect_refusal("tensor 'w' has values that f16 cannot hold", "--dtype", "f16")
        self.assertEqual(self.run_main("--dtype", "bf16")[0], 0)

    def test_nothing_in_a_pickle_is_run(self):
        trap = self.folder / "sprung"
        (self.folder / "pytorch_model.bin").write_bytes(pickle.dumps({"w": Evil(str(trap))}))
        self.expect_refusal("it is damaged or holds more than tensors")
        torch.save({"w": torch.ones(1), "x": Evil(str(trap))}, self.folder / "pytorch_model.bin")
        self.expect_refusal("it is damaged or holds more than tensors")
        self.assertFalse(trap.exists())

    def test_a_pytorch_that_runs_code_in_spite_of_the_check_is_refused(self):
        self.save({"w": torch.ones(1)})
        with unittest.mock.patch.object(torch, "__version__", "2.5.1+cpu"):
            self.expect_refusal("PyTorch 2.5.1+cpu may run code of a checkpoint, 2.6 or newer is needed")
        with unittest.mock.patch.object(torch, "__version__", "2.6.0"):
            self.assertEqual(self.run_main()[0], 0)

    def test_what_is_no_checkpoint_is_told(self):
        self.expect_refusal("has neither pytorch_model.bin nor")
        (self.folder / "pytorch_model.bin").write_bytes(b"no pickle at all")
        self.expect_refusal("not loaded")
        for state, part in (([torch.ones(1)], "no table of tensors"), ({"w": 3}, "is a int and no tensor"),
                            ({}, "without tensors"), ({"w": torch.ones(2).to_sparse()}, "sparse or quantised"),
                            ({"w": torch.ones(2, dtype=torch.complex64)}, "which safetensors does not hold")):
            self.save(state)
            self.expect_refusal(part)

    def test_a_file_that_is_there_is_kept(self):
        self.save({"w": torch.ones(1)})
        (self.folder / "model.safetensors").write_text("mine")
        self.expect_refusal("is there already")
        self.assertEqual((self.folder / "model.safetensors").read_text(), "mine")

    def test_another_folder_is_made(self):
        self.save({"state_dict": {"w": torch.ones(1)}})
        self.assertEqual(self.run_main("-o", str(self.folder / "new" / "er"))[0], 0)
        self.assertEqual(list(read(self.folder / "new" / "er" / "model.safetensors")), ["w"])
        (self.folder / "file").write_text("in the way")
        self.expect_refusal("cannot make", "-o", str(self.folder / "file" / "x"))


if __name__ == "__main__":
    unittest.main()
