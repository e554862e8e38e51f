"""How the small recorded cases beside this file are made: weights, batches, and what a model computes from them, in float64 from float32
weights. The format is that of the recorded cases in MORU_DATA_DIR/parity.

A recorder gives the configuration and the shapes of the parameters, and writes out the forward pass and its reverse by hand; here the
gradients are checked against central differences, and a few steps of several optimizers are made.
"""

import json
import struct
from pathlib import Path

import numpy as np

STEPS = 5
RUNS = {
    "sgd": {"optimizer": "sgd", "lr": 0.1},
    "momentum": {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9},
    "adam": {"optimizer": "adam", "lr": 1e-2},
    "adamw": {"optimizer": "adamw", "lr": 1e-2, "weight_decay": 0.1},
    "adam_clip_warmup_cosine": {"optimizer": "adam", "lr": 1e-2, "clip": 0.3, "warmup": 2, "total": 5},
}
# What float32 may differ from float64: a few roundings of sums of about 20 products. The relative error of one is 6e-8.
TOLERANCE = {"logits": 1e-6, "gradient": 2e-6, "loss": 1e-6, "grad_norm": 2e-6, "parameter": 2e-6, "update": 1e-3}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(logits, targets):
    """The mean over the targets that are not -1, and its gradient."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    counts = targets != -1
    chosen = np.where(counts, targets, 0)
    loss = -np.where(counts, np.take_along_axis(logp, chosen[..., None], -1)[..., 0], 0).sum() / counts.sum()
    return loss, (np.exp(logp) - np.eye(logits.shape[-1])[chosen]) * counts[..., None] / counts.sum()


def check_gradients(model, p, ids, targets, state, grads):
    rng = np.random.default_rng(5)
    for name, value in p.items():
        direction, h = rng.standard_normal(value.shape), 1e-5
        ends = [model.loss_and_gradients(p | {name: value + s * h * direction}, ids, targets, state)[1] for s in (1, -1)]
        slope = (grads[name] * direction).sum()
        assert abs((ends[0] - ends[1]) / (2 * h) - slope) < 1e-7 * max(1, abs(slope)), name


def learning_rate(settings, t):
    lr, w, n = settings["lr"], settings.get("warmup", 0), settings.get("total", 0)
    if not w:
        return lr
    return lr * t / w if t <= w else lr * (1 + np.cos(np.pi * (t - w) / (n - w))) / 2


def update(w, g, slots, settings, t):
    lr = learning_rate(settings, t)
    if settings["optimizer"] == "sgd":
        slots["v"] = settings.get("momentum", 0) * slots["v"] + g
        return w - lr * slots["v"]
    slots["m"] = 0.9 * slots["m"] + 0.1 * g
    slots["v"] = 0.999 * slots["v"] + 0.001 * g * g
    step = slots["m"] / (1 - 0.9**t) / (np.sqrt(slots["v"] / (1 - 0.999**t)) + 1e-8)
    decay = settings.get("weight_decay", 0) if w.ndim >= 2 else 0
    return w - lr * (step + decay * w)


def train(model, initial, ids, targets, settings):
    p = {name: value.astype(np.float64) for name, value in initial.items()}
    slots = {name: {"m": 0.0, "v": 0.0} for name in p}
    state, losses, norms = model.zero_state(), [], []
    for t in range(1, STEPS + 1):
        _, loss, grads, state = model.loss_and_gradients(p, ids[t - 1], targets[t - 1], state)
        norm = np.sqrt(sum((g * g).sum() for g in grads.values()))
        scale = min(1.0, settings["clip"] / norm) if "clip" in settings else 1.0
        p = {name: update(p[name], grads[name] * scale, slots[name], settings, t) for name in p}
        losses.append(float(loss))
        norms.append(float(norm))
    return p, losses, norms


def write_safetensors(path, tensors):
    kinds = {"float32": "F32", "float64": "F64", "int32": "I32"}
    header, data = {}, b""
    for name, value in sorted(tensors.items(), key=lambda item: -item[1].itemsize):
        raw = np.ascontiguousarray(value).tobytes()
        header[name] = {"dtype": kinds[str(value.dtype)], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def record(model, seed=20):
    """Writes the case of a model into the folder of its name.

    `model` has NAME, CONFIG (with V, B and T), `shapes()`, `zero_state()`, `loss_and_gradients(p, ids, targets, state)` -> logits, loss,
    gradients by parameter, state after the last step, and `named(state)`.
    """
    folder = Path(__file__).resolve().parent / model.NAME
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    initial = {name: rng.uniform(-0.6, 0.6, shape).astype(np.float32) for name, shape in model.shapes().items()}
    shape = (STEPS, model.CONFIG["B"], model.CONFIG["T"])
    ids = rng.integers(0, model.CONFIG["V"], shape, dtype=np.int32)
    targets = np.where(rng.random(shape) < 0.15, -1, rng.integers(0, model.CONFIG["V"], shape)).astype(np.int32)

    p = {name: value.astype(np.float64) for name, value in initial.items()}
    logits, loss, grads, state = model.loss_and_gradients(p, ids[0], targets[0], model.zero_state())
    check_gradients(model, p, ids[0], targets[0], model.zero_state(), grads)
    tensors = {"logits": logits} | {"grad." + name: value for name, value in grads.items()}
    tensors |= {"state." + name: value for name, value in model.named(state).items()}
    runs = {}
    for name, settings in RUNS.items():
        after, losses, norms = train(model, initial, ids, targets, settings)
        tensors |= {f"after.{name}.{parameter}": value for parameter, value in after.items()}
        runs[name] = {"settings": settings, "loss": losses, "grad_norm": norms, "tolerance": TOLERANCE}

    write_safetensors(folder / "init.safetensors", initial)
    write_safetensors(folder / "batch.safetensors", {"ids": ids, "targets": targets})
    # f32 is enough for what is compared at 1e-6.
    write_safetensors(folder / "expected.safetensors", {name: value.astype(np.float32) for name, value in tensors.items()})
    expected = {"case": model.NAME, "model": model.NAME, "config": model.CONFIG, "ignore_index": -1, "steps": STEPS,
                "loss_of_batch_0": float(loss), "tolerance": TOLERANCE, "runs": runs}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
