"""Trains the same run in several ways and compares the last checkpoints and the metrics byte by byte.

Usage: kill_and_resume.py MORU FOLDER train …
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

moru, folder, command = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
KILLS = int(os.environ.get("MORU_KILLS", "3"))


def start(name, *more):
    return subprocess.Popen([moru, *command, f"--output-dir={folder / name}", *more], stdout=subprocess.DEVNULL)


def train(name, *more, ends=0):
    status = start(name, *more).wait()
    assert status == ends, f"{name}: expected exit status {ends}, got {status}"


def result(name):
    """All files of the last checkpoint, and the metrics."""
    files = {path.name: path.read_bytes() for path in (folder / name / "latest").iterdir()}
    return files | {"metrics.jsonl": (folder / name / "metrics.jsonl").read_bytes()}


def compare(name, other, metrics=True):
    left, right = result(name), result(other)
    if not metrics:
        del left["metrics.jsonl"], right["metrics.jsonl"]
    differing = [file for file in sorted(left.keys() | right.keys()) if left.get(file) != right.get(file)]
    assert not differing, f"{name} and {other} differ in {differing}"


def newest(name):
    link = folder / name / "latest"
    return os.readlink(link) if link.is_symlink() else None


def interrupt(name, number, *more):
    """Ends a run by a signal at some moment after its next checkpoint."""
    before, process = newest(name), start(name, *more)
    while process.poll() is None and newest(name) == before:
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.05))
    process.send_signal(number)
    process.wait()


random.seed(1)
train("alone", "--threads=2")
for threads in (1, 3):
    train(f"threads{threads}", f"--threads={threads}")
    compare("alone", f"threads{threads}")
print("threads 1, 2, 3: the same bits")

train("steps", "--max-steps=33")
train("steps", "--resume")
compare("alone", "steps", metrics=False)  # the end at step 33 was measured too
print("stopped at a step and resumed: the same bits")

interrupt("term", signal.SIGTERM)
train("term", "--resume")
compare("alone", "term")
print("ended by SIGTERM and resumed: the same bits")

for _ in range(KILLS):
    interrupt("kill", signal.SIGKILL, "--resume")
train("kill", "--resume")
compare("alone", "kill")
print(f"killed {KILLS} times and resumed: the same bits")
