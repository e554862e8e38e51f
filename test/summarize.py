#!/usr/bin/env python3
"""Turns lit's JSON report into the last lines of tools/test: why tests were skipped, then `N passed, N failed, N skipped`.

usage: summarize.py REPORT.json. Exit status 1 if a test failed or none ran.
"""
import collections
import json
import sys

# What a missing feature of lit.cfg.py means, and what to do about it.
MEANING = {
    "data": "no folder ../shared/data beside the project, and MORU_DATA_DIR names none",
    "avx2": "this processor has no AVX2",
    "fma": "this processor has no FMA",
    "avx512f": "this processor has no AVX-512",
    "avx512_bf16": "this processor has no AVX-512 BF16",
    "amx_tile": "this processor has no AMX",
    "amx_bf16": "this processor has no AMX bfloat16",
    "cc": "no C compiler named cc",
    "unprivileged": "no user but root can run the tools in this folder",
    "transformers": "no Python with the packages transformers and torch, and MORU_PEER_PYTHON names none",
    "mount": "no file system may be mounted here (unshare -m)",
}
PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def reason(output):
    """The reason of a skipped test, from lit's or GoogleTest's words."""
    lines = (output or "").strip().splitlines() or ["no reason given"]
    for start in ("Test requires the following unavailable features: ", "Test does not support the following features and/or targets: "):
        if lines[0].startswith(start):
            features = lines[0][len(start):].split(", ")
            return "; ".join(MEANING.get(feature, f"{start.strip(': ').lower()}: {feature}") for feature in features)
    return lines[0]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    passed = [test for test in tests if test["code"] in PASSED]
    skipped = [test for test in tests if test["code"] in SKIPPED]
    failed = [test for test in tests if test["code"] not in PASSED | SKIPPED]
    by_reason = collections.defaultdict(list)
    for test in skipped:
        by_reason[reason(test["output"])].append(test["name"].split(" :: ")[-1])
    for why, names in sorted(by_reason.items()):
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        print(f"skipped because {why}: {shown}")
    for test in failed:
        print(f"failed: {test['name']}")
    if not passed and not failed:
        print("no test ran")
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
