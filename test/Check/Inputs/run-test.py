# Runs the RUN line of a test as lit does.
import subprocess
import sys

path = sys.argv[1]
with open(path) as test:
    line = next(line for line in test if line.startswith("// RUN: "))
sys.exit(subprocess.run(line[len("// RUN: "):].replace("%s", path), shell=True).returncode)
