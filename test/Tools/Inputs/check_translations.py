"""Compares `moru translate --json` on standard input with recorded outputs and log-probabilities.

usage: check_translations.py RECORDED.json TOLERANCE
"""
import json
import sys

recorded = json.load(open(sys.argv[1], encoding="utf-8"))
tolerance = float(sys.argv[2])
lines = [json.loads(line) for line in sys.stdin]
assert len(lines) == len(recorded), f"expected {len(recorded)} lines, got {len(lines)}"
worst = 0
for line, wanted in zip(lines, recorded):
    best = line["outputs"][0]
    assert line["source"] == wanted["src"], f"expected the source {wanted['src']!r}, got {line['source']!r}"
    assert best["text"] == wanted["out"], f"{wanted['src']}: expected {wanted['out']!r}, got {best['text']!r}"
    expected = wanted["logprob"] if "logprob" in wanted else wanted["greedy_logprob"]
    worst = max(worst, abs(best["log_probability"] - expected))
assert worst <= tolerance, f"expected log-probabilities within {tolerance}, got one off by {worst}"
print(f"{len(lines)} outputs are equal, log-probabilities within {worst:.1e}")
