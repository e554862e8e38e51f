"""Folders of GPT-2 weights in Hugging Face's form.

usage: gpt2_folder.py check FOLDER V POSITIONS D HEADS LAYERS    what a reader there relies on
       gpt2_folder.py old FOLDER NEW                            the same weights as older files have them
       gpt2_folder.py nan FOLDER TENSOR                         makes its first element no number
       gpt2_folder.py set FOLDER KEY JSON [KEY JSON …]          changes entries of config.json
"""
import json
import pathlib
import struct
import sys


def read(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    body = data[8 + length:]
    return {name: (x["dtype"], x["shape"], body[x["data_offsets"][0]:x["data_offsets"][1]]) for name, x in header.items()}, metadata


def write(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def shapes(V, positions, d, layers):
    linear = {"attn.c_attn": [d, 3 * d], "attn.c_proj": [d, d], "mlp.c_fc": [d, 4 * d], "mlp.c_proj": [4 * d, d]}
    result = {"wte.weight": [V, d], "wpe.weight": [positions, d], "ln_f.weight": [d], "ln_f.bias": [d]}
    for i in range(layers):
        for name, shape in linear.items():
            result |= {f"h.{i}.{name}.weight": shape, f"h.{i}.{name}.bias": shape[1:]}
        for name in ("ln_1", "ln_2"):
            result |= {f"h.{i}.{name}.weight": [d], f"h.{i}.{name}.bias": [d]}
    return result


verb, folder = sys.argv[1], pathlib.Path(sys.argv[2])
config = json.loads((folder / "config.json").read_text())
if verb == "check":
    V, positions, d, heads, layers = map(int, sys.argv[3:])
    tensors, metadata = read(folder / "model.safetensors")
    assert metadata == {"format": "pt"}, metadata
    wanted = {"transformer." + name: shape for name, shape in shapes(V, positions, d, layers).items()}
    assert {name: shape for name, (dtype, shape, _) in tensors.items()} == wanted, tensors.keys()
    assert all(dtype == "F32" for dtype, _, _ in tensors.values())
    expected = {"model_type": "gpt2", "vocab_size": V, "n_positions": positions, "n_embd": d, "n_head": heads, "n_layer": layers,
                "n_inner": None, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True}
    assert expected.items() <= config.items(), config
    assert (folder / "tokenizer.json").exists()
elif verb == "old":
    new = pathlib.Path(sys.argv[3])
    new.mkdir()
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in read(folder / "model.safetensors")[0].items()}
    tensors["lm_head.weight"] = tensors["wte.weight"]
    for i in range(config["n_layer"]):
        tensors[f"h.{i}.attn.bias"] = ("U8", [1, 1, 2, 2], bytes([1, 0, 1, 1]))
        tensors[f"h.{i}.attn.masked_bias"] = ("F32", [], struct.pack("<f", -1e4))
    write(new / "model.safetensors", dict(sorted(tensors.items(), reverse=True)))
    (new / "config.json").write_text(json.dumps(config))
    (new / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
elif verb == "nan":
    tensors = read(folder / "model.safetensors")[0]
    dtype, shape, data = tensors[sys.argv[3]]
    tensors[sys.argv[3]] = (dtype, shape, struct.pack("<f", float("nan")) + data[4:])
    write(folder / "model.safetensors", tensors)
else:
    config |= dict(zip(sys.argv[3::2], map(json.loads, sys.argv[4::2])))
    (folder / "config.json").write_text(json.dumps(config))
