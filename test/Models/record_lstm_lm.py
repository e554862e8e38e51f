"""Records the small case in lstm_lm/: weights, batches, and what the model computes from them, in float64 from float32 weights.

Usage: python record_lstm_lm.py      (needs NumPy; the tests only read what it wrote)

Two layers, state carried from batch to batch, some targets ignored: forward pass and its reverse written out by hand, checked against
central differences, then a few steps of several optimizers. The format is that of the recorded cases in MORU_DATA_DIR/parity.
"""

import json
import struct
from pathlib import Path

import numpy as np

CONFIG = {"V": 11, "D": 5, "H": 6, "layers": 2, "B": 3, "T": 4, "carried": True}
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


def draw_parameters(rng):
    V, D, H = CONFIG["V"], CONFIG["D"], CONFIG["H"]
    shapes = {"E": (V, D)}
    for i in range(CONFIG["layers"]):
        shapes |= {f"l{i}.Wx": (D if i == 0 else H, 4 * H), f"l{i}.Wh": (H, 4 * H), f"l{i}.b": (4 * H,)}
    shapes |= {"Wproj": (H, V), "bproj": (V,)}
    return {name: rng.uniform(-0.6, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}


def layer_forward(p, prefix, x, h, c):
    """x [B, T, in] -> outputs [B, T, H], last state, and what the reverse needs of each step."""
    tape, outputs = [], []
    for t in range(x.shape[1]):
        z = x[:, t] @ p[prefix + "Wx"] + h @ p[prefix + "Wh"] + p[prefix + "b"]
        zf, zi, zg, zo = np.split(z, 4, axis=1)
        f, i, g, o = sigmoid(zf), sigmoid(zi), np.tanh(zg), sigmoid(zo)
        new_c = f * c + i * g
        tape.append((x[:, t], h, c, f, i, g, o, new_c))
        c, h = new_c, o * np.tanh(new_c)
        outputs.append(h)
    return np.stack(outputs, axis=1), (h, c), tape


def layer_backward(p, prefix, tape, doutputs, grads):
    dh = dc = 0
    dx = []
    for t in reversed(range(len(tape))):
        x, h, c, f, i, g, o, new_c = tape[t]
        dh = dh + doutputs[:, t]
        tc = np.tanh(new_c)
        dc = dc + dh * o * (1 - tc * tc)
        dz = np.concatenate([dc * c * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g * g), dh * tc * o * (1 - o)], axis=1)
        grads[prefix + "Wx"] += x.T @ dz
        grads[prefix + "Wh"] += h.T @ dz
        grads[prefix + "b"] += dz.sum(axis=0)
        dx.append(dz @ p[prefix + "Wx"].T)
        dh, dc = dz @ p[prefix + "Wh"].T, dc * f
    return np.stack(dx[::-1], axis=1)


def loss_and_gradients(p, ids, targets, state):
    """logits, loss, gradients by parameter, state after the last step."""
    x, tapes, after = p["E"][ids], [], []
    for i in range(CONFIG["layers"]):
        x, last, tape = layer_forward(p, f"l{i}.", x, *state[i])
        tapes.append(tape)
        after.append(last)
    logits = x @ p["Wproj"] + p["bproj"]
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    counts = targets != -1
    chosen = np.where(counts, targets, 0)
    loss = -np.where(counts, np.take_along_axis(logp, chosen[..., None], -1)[..., 0], 0).sum() / counts.sum()

    grads = {name: np.zeros(value.shape) for name, value in p.items()}
    dlogits = (np.exp(logp) - np.eye(CONFIG["V"])[chosen]) * counts[..., None] / counts.sum()
    grads["Wproj"] = np.einsum("bth,btv->hv", x, dlogits)
    grads["bproj"] = dlogits.sum(axis=(0, 1))
    dx = dlogits @ p["Wproj"].T
    for i in reversed(range(CONFIG["layers"])):
        dx = layer_backward(p, f"l{i}.", tapes[i], dx, grads)
    np.add.at(grads["E"], ids, dx)
    return logits, loss, grads, after


def check_gradients(p, ids, targets, state, grads):
    rng = np.random.default_rng(5)
    for name, value in p.items():
        direction, h = rng.standard_normal(value.shape), 1e-5
        ends = [loss_and_gradients(p | {name: value + s * h * direction}, ids, targets, state)[1] for s in (1, -1)]
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


def zero_state():
    return [(np.zeros((CONFIG["B"], CONFIG["H"])),) * 2 for _ in range(CONFIG["layers"])]


def train(initial, ids, targets, settings):
    p = {name: value.astype(np.float64) for name, value in initial.items()}
    slots = {name: {"m": 0.0, "v": 0.0} for name in p}
    state, losses, norms = zero_state(), [], []
    for t in range(1, STEPS + 1):
        _, loss, grads, state = loss_and_gradients(p, ids[t - 1], targets[t - 1], state)
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


def main():
    folder = Path(__file__).resolve().parent / "lstm_lm"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(20)
    initial = draw_parameters(rng)
    shape = (STEPS, CONFIG["B"], CONFIG["T"])
    ids = rng.integers(0, CONFIG["V"], shape, dtype=np.int32)
    targets = np.where(rng.random(shape) < 0.15, -1, rng.integers(0, CONFIG["V"], shape)).astype(np.int32)

    p = {name: value.astype(np.float64) for name, value in initial.items()}
    logits, loss, grads, state = loss_and_gradients(p, ids[0], targets[0], zero_state())
    check_gradients(p, ids[0], targets[0], zero_state(), grads)
    tensors = {"logits": logits} | {"grad." + name: value for name, value in grads.items()}
    for i, (h, c) in enumerate(state):
        tensors |= {f"state.l{i}.h": h, f"state.l{i}.c": c}
    runs = {}
    for name, settings in RUNS.items():
        after, losses, norms = train(initial, ids, targets, settings)
        tensors |= {f"after.{name}.{parameter}": value for parameter, value in after.items()}
        runs[name] = {"settings": settings, "loss": losses, "grad_norm": norms, "tolerance": TOLERANCE}

    write_safetensors(folder / "init.safetensors", initial)
    write_safetensors(folder / "batch.safetensors", {"ids": ids, "targets": targets})
    # f32 is enough for what is compared at 1e-6.
    write_safetensors(folder / "expected.safetensors", {name: value.astype(np.float32) for name, value in tensors.items()})
    expected = {"case": "lstm_lm", "model": "lstm_lm", "config": CONFIG, "ignore_index": -1, "steps": STEPS,
                "loss_of_batch_0": float(loss), "tolerance": TOLERANCE, "runs": runs}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
