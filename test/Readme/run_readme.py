#!/usr/bin/env python3
"""Executes a Markdown page: every fenced block is run, compiled, parsed or compared, or else the page fails.

usage: run_readme.py --project DIR --build DIR --cxx COMPILER [PAGE.md…]      without a page: README.md and models/*/README.md

What a block is follows from its language, or from a comment in the line before it:

  ```sh                     commands, run one by one; each must end with 0
  ```console                `$ command` lines, each followed by what it prints
  ```text                   what the commands of the block before print
  ```cpp, ```mlir           a listing: compiled without output; parsed by moru-opt
  <!-- setup -->            the commands that install packages and build: only checked to exist in the project
  <!-- run: COMMAND -->     the block is what COMMAND prints
  <!-- fails: COMMAND -->   the same, and COMMAND must end with 1
  <!-- file: NAME -->       the block is written to NAME before the commands after it run, and checked as a listing
  <!-- from: PATH -->       the block is an excerpt of PATH in the project, unchanged but for indentation

In output and excerpts a line `…` (or `...`, `// ...`) stands for any lines, `…` inside a line for any text. `<!-- numbers vary -->`, before
a block or together with another comment, lets each number stand for any number. Commands run in an empty folder that has links
to what the project has at its top, `build` being the build tested, so that nothing is written into the project.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

WILD = re.compile(r"^\s*(//|#|;)?\s*(…|\.\.\.)\s*$")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e[+-]?\d+)?")


class Failure(Exception):
    """What is wrong with one block."""


class Block:
    """A fenced block: its language, its text, the line it begins at, and the comments before it as a dictionary."""

    def __init__(self, language, lines, number, notes):
        self.language, self.lines, self.number, self.notes = language, lines, number, notes

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)


def read_blocks(path):
    """The fenced blocks of the page, in order."""
    blocks, notes = [], {}
    lines = open(path, encoding="utf-8").read().split("\n")
    index = 0
    while index < len(lines):
        fence = re.match(r"^(\s*)(```+)\s*(\S*)", lines[index])
        if fence:
            indent, mark, language = fence.groups()
            start = index + 1
            index = start
            while index < len(lines) and lines[index].strip() != mark:
                index += 1
            if index == len(lines):
                raise Failure(f"{path}:{start}: expected the fence {mark} to be closed, got the end of the page")
            body = [line[len(indent):] if line.startswith(indent) else line for line in lines[start:index]]
            blocks.append(Block(language, body, start, notes))
            notes = {}
        else:
            comments = re.findall(r"<!--\s*(.*?)\s*-->", lines[index])
            if comments:
                for comment in comments:
                    key, _, value = comment.partition(":")
                    notes[key.strip()] = value.strip()
            elif lines[index].strip():
                notes = {}
        index += 1
    return blocks


def line_matches(expected, got, numbers):
    """Whether one line of output is as the page says it is."""
    squeeze = lambda text: " ".join((NUMBER.sub("#", text) if numbers else text).split())
    parts = [re.escape(squeeze(part)) for part in expected.split("…")]
    return re.fullmatch(r"\s*.*\s*".join(parts), squeeze(got)) is not None


def first_difference(expected, got, numbers):
    """None if the lines match, else the index of the first expected line that no reading of the output reaches."""
    reached = {0}  # How many lines of output may be used up.
    for index, line in enumerate(expected):
        if WILD.match(line):
            reached = set(range(min(reached), len(got) + 1))
            continue
        following = {at + 1 for at in reached if at < len(got) and line_matches(line, got[at], numbers)}
        if not following:
            return index
        reached = following
    return None if len(got) in reached else len(expected)


def compare(expected, output, numbers, what):
    """Raises Failure unless the output is what the page shows."""
    strip = lambda lines: [line.rstrip() for line in lines]
    expected = strip(expected)
    got = strip(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output).split("\n"))
    while expected and not expected[-1]:
        expected.pop()
    while got and not got[-1]:
        got.pop()
    index = first_difference(expected, got, numbers)
    if index is not None:
        line = expected[index] if index < len(expected) else "the end of the output"
        raise Failure(f"expected `{what}` to print the line\n    {line}\nin its place, got\n" + "".join(f"    {l}\n" for l in got[:200]))


class Page:
    """Runs the blocks of one page in a folder of its own."""

    def __init__(self, path, options, folder):
        self.path, self.options, self.folder = path, options, folder
        self.output, self.command = None, None  # Of the last command block, for a ```text block after it.
        self.environment = dict(os.environ, NO_COLOR="1", TERM="dumb")
        for name in os.listdir(options.project):
            if not name.startswith(".git") and not name.startswith("build") and name != "out":
                os.symlink(os.path.join(options.project, name), os.path.join(folder, name))
        os.symlink(options.build, os.path.join(folder, "build"))

    def execute(self, command, status=0):
        """Runs the command; its standard output and errors together."""
        done = subprocess.run(["bash", "-c", "set -o pipefail\n" + command], cwd=self.folder, env=self.environment, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != status:
            raise Failure(f"expected `{command}` to end with {status}, got {done.returncode}:\n{done.stdout}")
        return done.stdout

    def run(self, block):
        notes, numbers = block.notes, "numbers vary" in block.notes
        if "setup" in notes:
            return self.check_setup(block)
        if "from" in notes:
            return self.check_excerpt(block, notes["from"])
        if "file" in notes:
            target = os.path.join(self.folder, notes["file"])
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                file.write(block.text)
            return self.check_listing(block, target) if block.language in ("cpp", "c++", "mlir") else None
        if "run" in notes or "fails" in notes:
            command = notes.get("run") or notes["fails"]
            return compare(block.lines, self.execute(command, 0 if "run" in notes else 1), numbers, command)
        if block.language in ("sh", "bash"):
            return self.run_commands(block)
        if block.language == "console":
            return self.run_console(block, numbers)
        if block.language == "text" and self.output is not None:
            compare(block.lines, self.output, numbers, self.command)
            self.output = None
            return None
        if block.language in ("cpp", "c++", "mlir"):
            suffix = ".mlir" if block.language == "mlir" else ".cpp"
            target = os.path.join(self.folder, f"block{block.number}{suffix}")
            with open(target, "w", encoding="utf-8") as file:
                file.write(block.text)
            return self.check_listing(block, target)
        raise Failure(f"expected a block that can be executed (sh, console, cpp, mlir, text after commands, or a comment that says "
                      f"what it is), got ```{block.language}")

    def check_setup(self, block):
        for line in block.lines:
            program = line.split("#")[0].split()
            if program and not line.startswith(("git ", "cd ")) and not os.access(os.path.join(self.folder, program[0]), os.X_OK):
                raise Failure(f"expected `{program[0]}` to be a program of the project, got no such file")

    def check_excerpt(self, block, name):
        squeeze = lambda lines: [" ".join(line.split()) for line in lines if line.strip()]
        with open(os.path.join(self.options.project, name), encoding="utf-8") as file:
            text = squeeze(file.read().split("\n"))
        # The excerpt may begin and end anywhere.
        lines = ["…"] + [line if WILD.match(line) else " ".join(line.split()) for line in block.lines if line.strip()] + ["…"]
        index = first_difference(lines, text, False)
        if index is not None:
            raise Failure(f"expected the excerpt to be in {name}, got no such place for its line\n    {lines[index]}")

    def check_listing(self, block, target):
        if target.endswith(".mlir"):
            self.execute(f"build/bin/moru-opt {target} -o /dev/null")
        elif target.endswith(".cpp"):
            self.execute(f"{self.options.cxx} -std=c++20 -fsyntax-only -Wall -Iinclude {target}")

    def run_commands(self, block):
        """One shell for the whole block, so that variables and here-documents work."""
        self.command = " && ".join(line for line in block.lines if line.strip() and not line.startswith("#"))
        self.output = self.execute("set -e\n" + block.text)

    def run_console(self, block, numbers):
        command, expected = None, []
        for line in block.lines + ["$ "]:
            if line.startswith("$ "):
                if command is not None:
                    compare(expected, self.execute(command), numbers, command)
                command, expected = line[2:], []
            elif command is not None and command.endswith("\\") and not expected:
                command += "\n" + line
            elif command is None:
                raise Failure(f"expected a console block to begin with `$ command`, got `{line}`")
            else:
                expected.append(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--cxx", default="clang++-22")
    parser.add_argument("pages", nargs="*")
    options = parser.parse_args()
    options.project, options.build = os.path.realpath(options.project), os.path.realpath(options.build)
    pages = options.pages or [os.path.join(options.project, "README.md"),
                              *sorted(glob.glob(os.path.join(options.project, "models", "*", "README.md")))]
    failures = 0
    for path in pages:
        with tempfile.TemporaryDirectory(prefix="moru-readme.") as folder:
            try:
                blocks = read_blocks(path)
                page = Page(path, options, folder)
            except (Failure, OSError) as error:
                print(error)
                failures += 1
                continue
            for block in blocks:
                try:
                    page.run(block)
                except (Failure, OSError) as error:
                    print(f"{path}:{block.number}: {error}\n")
                    failures += 1
            print(f"{path}: {len(blocks)} blocks")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
