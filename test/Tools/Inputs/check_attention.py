"""Checks what `moru attention --json` puts out: rows add up to 1, nothing later than itself is looked at, and as many maps of each kind as expected.

usage: check_attention.py TITLE=COUNT… < output
"""
import json
import sys

maps = json.load(sys.stdin)["maps"]
for one in maps:
    columns = len(one["columns"])
    assert len(one["weights"]) == columns * len(one["rows"]), one["title"]
    for row in range(len(one["rows"])):
        weights = one["weights"][row * columns:(row + 1) * columns]
        assert all(0 <= weight <= 1 for weight in weights) and abs(sum(weights) - 1) < 1e-5, (one["title"], weights)
        causal = not one["title"].startswith("source") and "to source" not in one["title"]
        assert not causal or not any(weights[row + 1:]), (one["title"], row, weights)
for wanted in sys.argv[1:]:
    title, count = wanted.split("=")
    got = sum(title in one["title"] for one in maps)
    assert got == int(count), f"{title}: expected {count} maps, got {got} of {[one['title'] for one in maps]}"
print(len(maps), "maps;", " ".join(maps[-1]["rows"]), "|", " ".join(maps[-1]["columns"]))
