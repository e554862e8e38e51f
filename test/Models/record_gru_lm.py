"""Records the small case in gru_lm/, of the plug-in GruLm.cpp.

Usage: python record_gru_lm.py      (needs NumPy; the tests only read what it wrote)
"""

import sys

import numpy as np

from recording import cross_entropy, record, sigmoid

NAME = "gru_lm"
CONFIG = {"V": 11, "D": 5, "H": 6, "B": 3, "T": 4}


def shapes():
    V, D, H = CONFIG["V"], CONFIG["D"], CONFIG["H"]
    return {"E": (V, D), "Wx": (D, 3 * H), "Wh": (H, 3 * H), "b": (3 * H,), "W": (H, V)}


def loss_and_gradients(p, ids, targets, h):
    embedded, tape, outputs = p["E"][ids], [], []
    for t in range(ids.shape[1]):
        xr, xu, xn = np.split(embedded[:, t] @ p["Wx"] + p["b"], 3, axis=1)
        hr, hu, hn = np.split(h @ p["Wh"], 3, axis=1)
        r, u = sigmoid(xr + hr), sigmoid(xu + hu)
        n = np.tanh(xn + r * hn)
        tape.append((h, hn, r, u, n))
        h = (1 - u) * n + u * h
        outputs.append(h)
    hs = np.stack(outputs, axis=1)
    logits = hs @ p["W"]
    loss, dlogits = cross_entropy(logits, targets)

    grads = {name: np.zeros(value.shape) for name, value in p.items()}
    grads["W"] = np.einsum("bth,btv->hv", hs, dlogits)
    dhs, dh = dlogits @ p["W"].T, 0
    for t in reversed(range(ids.shape[1])):
        before, hn, r, u, n = tape[t]
        dh = dh + dhs[:, t]
        dn = dh * (1 - u) * (1 - n * n)
        dr, du = dn * hn * r * (1 - r), dh * (before - n) * u * (1 - u)
        dx, dz = np.concatenate([dr, du, dn], axis=1), np.concatenate([dr, du, dn * r], axis=1)
        grads["Wx"] += embedded[:, t].T @ dx
        grads["b"] += dx.sum(axis=0)
        grads["Wh"] += before.T @ dz
        np.add.at(grads["E"], ids[:, t], dx @ p["Wx"].T)
        dh = dh * u + dz @ p["Wh"].T
    return logits, loss, grads, h


def zero_state():
    return np.zeros((CONFIG["B"], CONFIG["H"]))


def named(state):
    return {"h": state}


if __name__ == "__main__":
    record(sys.modules[__name__])
