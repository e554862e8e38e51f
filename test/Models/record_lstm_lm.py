"""Records the small case in lstm_lm/: two layers, state carried from batch to batch, some targets ignored.

Usage: python record_lstm_lm.py      (needs NumPy; the tests only read what it wrote)
"""

import sys

import numpy as np

from recording import cross_entropy, record, sigmoid

NAME = "lstm_lm"
CONFIG = {"V": 11, "D": 5, "H": 6, "layers": 2, "B": 3, "T": 4, "carried": True}


def shapes():
    V, D, H = CONFIG["V"], CONFIG["D"], CONFIG["H"]
    result = {"E": (V, D)}
    for i in range(CONFIG["layers"]):
        result |= {f"l{i}.Wx": (D if i == 0 else H, 4 * H), f"l{i}.Wh": (H, 4 * H), f"l{i}.b": (4 * H,)}
    return result | {"Wproj": (H, V), "bproj": (V,)}


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
    x, tapes, after = p["E"][ids], [], []
    for i in range(CONFIG["layers"]):
        x, last, tape = layer_forward(p, f"l{i}.", x, *state[i])
        tapes.append(tape)
        after.append(last)
    logits = x @ p["Wproj"] + p["bproj"]
    loss, dlogits = cross_entropy(logits, targets)

    grads = {name: np.zeros(value.shape) for name, value in p.items()}
    grads["Wproj"] = np.einsum("bth,btv->hv", x, dlogits)
    grads["bproj"] = dlogits.sum(axis=(0, 1))
    dx = dlogits @ p["Wproj"].T
    for i in reversed(range(CONFIG["layers"])):
        dx = layer_backward(p, f"l{i}.", tapes[i], dx, grads)
    np.add.at(grads["E"], ids, dx)
    return logits, loss, grads, after


def zero_state():
    return [(np.zeros((CONFIG["B"], CONFIG["H"])),) * 2 for _ in range(CONFIG["layers"])]


def named(state):
    return {f"l{i}.{name}": value for i, layer in enumerate(state) for name, value in zip("hc", layer)}


if __name__ == "__main__":
    record(sys.modules[__name__])
