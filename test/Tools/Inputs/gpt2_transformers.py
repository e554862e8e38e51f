"""A small random GPT-2 of the package `transformers`, and what that package makes of folders that `moru export` writes.

usage: gpt2_transformers.py make FOLDER CASE     a random model, and as a recorded case its logits, loss and gradients on a batch
       gpt2_transformers.py same FOLDER OTHER    both are read without a word, and give the same logits, bit by bit
       gpt2_transformers.py greedy FOLDER IDS COUNT     the last so many ids of the file IDS are the likeliest ones
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

ROWS, TIME, VOCABULARY, WIDTH, HEADS, LAYERS = 2, 12, 67, 32, 4, 2


def load(folder):
    model, info = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True)
    wrong = {key: value for key, value in info.items() if value and key != "missing_keys"}
    # The head is the embedding, and is not stored.
    assert not wrong and set(info["missing_keys"]) <= {"lm_head.weight"}, info
    return model.eval()


def make(folder, case):
    torch.manual_seed(7)
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=TIME, n_embd=WIDTH, n_head=HEADS, n_layer=LAYERS, bos_token_id=None,
                        eos_token_id=None, initializer_range=0.2)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and gains are 0 and 1 otherwise, which would hide where they belong.
            parameter += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)

    model = model.double()
    ids, targets = torch.randint(0, VOCABULARY, (2, ROWS, TIME))
    logits = model(ids).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    parameters = {name.removeprefix("transformer."): value for name, value in model.named_parameters() if name != "lm_head.weight"}
    case = pathlib.Path(case)
    case.mkdir()
    save_file({name: value.detach().float() for name, value in parameters.items()}, case / "init.safetensors")
    save_file({"ids": ids[None].int(), "targets": targets[None].int()}, case / "batch.safetensors")
    save_file({"logits": logits.detach().float()} | {"grad." + name: value.grad.float() for name, value in parameters.items()},
              case / "expected.safetensors")
    # What is recorded is rounded to float32; sums of some dozens of products lose a few roundings more.
    tolerance = {"logits": 5e-6, "gradient": 1e-5, "loss": 2e-6}
    (case / "expected.json").write_text(json.dumps({
        "case": "transformers", "model": "gpt", "ignore_index": -1, "steps": 1, "loss_of_batch_0": float(loss), "tolerance": tolerance,
        "config": {"V": VOCABULARY, "d": WIDTH, "heads": HEADS, "layers": LAYERS, "B": ROWS, "T": TIME}, "runs": {},
        # Keys shift all scores of a query alike: their bias has no gradient but for rounding.
        "zero_gradient": {f"h.{i}.attn.c_attn.bias": [WIDTH, 2 * WIDTH] for i in range(LAYERS)}}))


verb, folder = sys.argv[1:3]
if verb == "make":
    make(folder, sys.argv[3])
elif verb == "same":
    one, other = load(folder), load(sys.argv[3])
    ids = torch.arange(2 * one.config.n_positions).reshape(2, -1) % one.config.vocab_size
    assert torch.equal(one(ids).logits, other(ids).logits)
    print("equal logits")
else:
    ids, count = [int(word) for word in pathlib.Path(sys.argv[3]).read_text().split()], int(sys.argv[4])
    model, again = load(folder), ids[:-count]
    with torch.no_grad():
        while len(again) < len(ids):
            again.append(int(model(torch.tensor([again])).logits[0, -1].argmax()))
    assert again == ids, (again, ids)
    print(f"{count} equal ids")
