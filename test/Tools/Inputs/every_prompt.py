"""Generates from prompts of 1 to N characters, each by a run of its own, and says how many programs were compiled for that and how large their
arenas are.

usage: every_prompt.py MORU CHECKPOINT N CACHE
"""
import json
import os
import pathlib
import subprocess
import sys

moru, checkpoint, count, cache = sys.argv[1], sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4])
arenas, compilations, objects = set(), 0, set()
for length in range(1, count + 1):
    prompt = "the sea the sea the sea"[:length]
    output = subprocess.run([moru, "generate", checkpoint, f"--prompt={prompt}", "--max-tokens=1", "--temperature=0", "--json"],
                            stdout=subprocess.PIPE, check=True, env=os.environ | {"XDG_CACHE_HOME": str(cache)}).stdout
    result = json.loads(output)
    assert result["text"].startswith(prompt) and len(result["tokens"]) == 1, result
    arenas.add(result["arena_bytes"])
    # A compilation leaves the objects of its parts in the cache.
    found = {file for file in cache.rglob("*") if file.is_file() and file.stat().st_size}
    compilations += found != objects
    objects = found
print(f"{count} prompts, {compilations} compilations, {len(arenas)} sizes of arenas")
