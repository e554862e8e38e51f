"""Runs commands that write until something goes wrong, and prints what holds afterwards: endings.py KIND MORU FOLDER TEXT.

KIND is full-disk, file-limit, permission, signals, memory or lock. Each check prints a line; a check that fails ends the program with status 1.
"""
import os
import re
import resource
import signal
import subprocess
import sys
import time

KIND, MORU, FOLDER, TEXT = sys.argv[1:5]
# Some thousands of small steps.
SMALL = ["--data=" + TEXT, "--sentences", "--set=D=8", "--set=H=16", "--batch-size=4", "--train-part=1"]
MODULE = """func.func @f(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %0 = graph.tanh %x : tensor<64x64xf32>
  return %0 : tensor<64x64xf32>
}
"""


def fail(message):
    print("FAILED:", message)
    sys.exit(1)


def expect(condition, message):
    if not condition:
        fail(message)


def start(arguments, before=None, **more):
    return subprocess.Popen([MORU, *arguments], stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, text=True, preexec_fn=before, **more)


def run(arguments, before=None, **more):
    process = start(arguments, before, **more)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def leftovers(folder):
    """Names that no user asked for."""
    return [os.path.join(where, name) for where, folders, files in os.walk(folder) for name in folders + files if name.startswith(".")]


def expect_failure(what, result, words, folder):
    status, _, errors = result
    expect(status == 1, f"{what}: expected status 1, got {status}: {errors}")
    expect(re.search(words, errors) and errors.startswith("error: "), f"{what}: expected an error with '{words}', got: {errors}")
    expect(errors.count("\n") <= 3 and "Stack dump" not in errors, f"{what}: expected a short message, got: {errors}")
    expect(not leftovers(folder), f"{what}: expected no temporary files, got {leftovers(folder)}")
    print(f"{what}: {' '.join(errors.split())}".replace(FOLDER, "…"))


def train(folder, *more):
    return ["train", "lstm_lm", *SMALL, "--output-dir=" + folder, *more]


def expect_loadable(what, folder):
    status, output, errors = run(["eval", folder, "--data=" + TEXT, "--sentences", "--json"])
    expect(status == 0 and "perplexity" in output and not errors, f"{what}: expected a complete checkpoint, got: {errors}")


def contents(folder):
    return {os.path.join(where, name): open(os.path.join(where, name), "rb").read() for where, _, files in os.walk(folder) for name in files}


def make_inputs():
    """A module, and a checkpoint of five steps."""
    with open(FOLDER + "/f.mlir", "w", encoding="utf-8") as file:
        file.write(MODULE)
    status, _, errors = run(train(FOLDER + "/good", "--max-steps=5"))
    expect(status == 0, errors)


def writers(folder):
    """Every command that writes a file or a folder, writing into `folder`."""
    module, argument = FOLDER + "/f.mlir", "--input=64x64xf32=1"
    commands = {
        "compile -o": ["compile", module, "--emit=loops", "-o", folder + "/out.mlir"],
        "compile --emit=obj": ["compile", module, "--emit=obj", "-o", folder + "/out.o"],
        "compile --dump-stages": ["compile", module, "--emit=llvm", "-o", "/dev/null", "--dump-stages=" + folder + "/stages"],
        "run --output": ["run", module, argument, "--output=@" + folder + "/out.npy"],
        "train": train(folder + "/run", "--max-steps=3"),
    }
    weights = os.environ.get("MORU_DATA_DIR", "") + "/weights/char-lstm-shakespeare"
    if os.path.isdir(weights):
        commands["import"] = ["import", weights, "-o", folder + "/imported"]
    return commands


def fill(folder):
    """Leaves no byte for data; names are free on a tmpfs."""
    with open(folder + "/filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            pass


def full_disk():
    """The folder `disk` is a small file system of its own; see the test."""
    disk = FOLDER + "/disk"
    make_inputs()
    expect(run(train(disk + "/before", "--max-steps=5"))[0] == 0, "there is room for a checkpoint")
    fill(disk)
    before = contents(disk)
    for what, command in writers(disk).items():
        expect_failure(what, run(command), "No space left on device; free some space", disk)
    expect_failure("train --resume", run(train(disk + "/before", "--resume", "--max-steps=50")), "No space left on device", disk)
    for path, old in before.items():
        if not path.endswith(("metrics.jsonl", "times.jsonl", "report.html")):
            expect(open(path, "rb").read() == old, f"expected {path} as it was")
    expect_loadable("full disk", disk + "/before")
    # With room again the run goes on as if nothing had been.
    os.remove(disk + "/filler")
    status, _, errors = run(train(disk + "/before", "--resume", "--max-steps=50"))
    expect(status == 0, errors)
    print("with room again: resumed")


def file_limit():
    make_inputs()
    folder = FOLDER + "/limited"
    os.mkdir(folder)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
    for what, command in writers(folder).items():
        expect_failure(what, run(command, limit), "File too large; raise the limit", folder)
    expect(all("/stages/" in path or path.endswith(("metrics.jsonl", "times.jsonl", "report.html")) for path in contents(folder)), f"got {list(contents(folder))}")
    # Standard output: what cannot be written is an error, too.
    for command in (["compile", FOLDER + "/f.mlir"], ["doctor"], ["run", FOLDER + "/f.mlir", "--input=64x64xf32=1"],
                    ["eval", FOLDER + "/good", "--data=" + TEXT, "--json"], ["generate", FOLDER + "/good"]):
        with open("/dev/full", "w", encoding="utf-8") as nowhere:
            expect_failure(command[0] + " > /dev/full", run(command, stdout=nowhere), "standard output: No space left", FOLDER)
    reader, writer = os.pipe()
    os.close(reader)
    expect_failure("doctor | nobody", run(["doctor"], stdout=writer), "standard output: Broken pipe", FOLDER)


def permission():
    make_inputs()
    folder = FOLDER + "/locked"
    os.mkdir(folder)
    os.chmod(folder, 0o555)
    nobody = (lambda: (os.setgid(65534), os.setuid(65534))) if os.geteuid() == 0 else None
    for what, command in writers(folder).items():
        expect_failure(what, run(command, nobody), "Permission denied; check the permissions", folder)
    expect(not os.listdir(folder), "nothing is written")


def wait_until(condition, what, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, f"waited for {what} in vain")
        time.sleep(0.005)


def blocks(process, number):
    """Whether a process leaves a signal to its thread for signals; before that it dies of it."""
    with open(f"/proc/{process}/status", encoding="ascii") as status:
        mask = next(line.split()[1] for line in status if line.startswith("SigBlk:"))
    return int(mask, 16) >> (number - 1) & 1


def signals():
    make_inputs()
    # Before the first step there is nothing to save: the text is a pipe that nobody writes to.
    text = FOLDER + "/endless"
    os.mkfifo(text)
    writer = os.open(text, os.O_RDWR)
    for number in (signal.SIGINT, signal.SIGTERM):
        folder = f"{FOLDER}/early-{int(number)}/run"
        process = start(["train", "lstm_lm", "--data=" + text, "--sentences", "--output-dir=" + folder])
        wait_until(lambda: os.path.exists(folder + "/.lock"), "the lock")
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
        expect_failure(f"train, {number.name} before the first step", (process.returncode, "", errors), "interrupted by " + number.name, FOLDER)
        expect(not os.path.exists(os.path.dirname(folder)), "expected no folders left behind")
    os.close(writer)
    # While it trains: the step is finished and saved.
    for number in (signal.SIGINT, signal.SIGTERM):
        folder = f"{FOLDER}/late-{int(number)}"
        process = start(train(folder, "--epochs=1000000", "--save-every=10"))
        wait_until(lambda: os.path.exists(folder + "/latest"), "a checkpoint")
        process.send_signal(number)
        output, errors = process.communicate(timeout=300)
        expect(process.returncode == 1 and "stopped:" in output and "--resume" in output, f"got {process.returncode}: {output}{errors}")
        expect(not leftovers(folder), f"got {leftovers(folder)}")
        expect_loadable(number.name, folder)
        print(f"train, {number.name} while it trains: saved")
    # Twice, at any moment, saving all the time: ends at once, and what was saved stays.
    folder = FOLDER + "/twice"
    expect(run(train(folder, "--max-steps=5"))[0] == 0, "a run to go on from")
    for round in range(6):
        process = start(train(folder, "--resume", "--epochs=1000000", "--save-every=1"))
        target = os.readlink(folder + "/latest")
        wait_until(lambda: os.readlink(folder + "/latest") != target, "another checkpoint")
        time.sleep(0.003 * round)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
        expect(process.returncode == 1, f"expected status 1, got {process.returncode}: {errors}")
        expect(not leftovers(folder), f"got {leftovers(folder)}")
    expect_loadable("two signals", folder)
    print("train, two signals at 6 moments: what was saved is complete")
    # A command that waits for somebody: standard input that never ends.
    process = start(["tokenize", folder + "/latest/vocabulary.txt"], stdin=subprocess.PIPE)
    wait_until(lambda: blocks(process.pid, signal.SIGINT), "a command that takes signals")
    process.send_signal(signal.SIGINT)
    process.wait(timeout=300)
    expect_failure("tokenize, SIGINT", (process.returncode, "", process.stderr.read()), "interrupted by SIGINT", FOLDER)


def memory():
    make_inputs()
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    folder = FOLDER + "/large"
    large = ["train", "lstm_lm", "--data=" + TEXT, "--sentences", "--batch-size=4", "--output-dir=" + folder]
    expect_failure("train, parameters", run([*large, "--set=H=16384", "--set=D=4096"], limit), "memory", FOLDER)
    with open(FOLDER + "/large.mlir", "w", encoding="utf-8") as file:
        # Two values of 4 GB live at the same time.
        file.write("func.func @f(%x: tensor<32768xf32>) -> tensor<f32> {\n"
                   "  %0 = graph.broadcast %x along [0] : tensor<32768xf32> -> tensor<32768x32768xf32>\n"
                   "  %1 = graph.transpose %0 by [1, 0] : tensor<32768x32768xf32> -> tensor<32768x32768xf32>\n"
                   "  %2 = graph.contract %0, %1 over [1] with [0] : tensor<32768x32768xf32>, tensor<32768x32768xf32> -> tensor<32768x32768xf32>\n"
                   "  %3 = graph.reduce_max %2 over [0, 1] : tensor<32768x32768xf32> -> tensor<f32>\n"
                   "  return %3 : tensor<f32>\n}\n")
    expect_failure("run, arena", run(["run", FOLDER + "/large.mlir", "--input=32768xf32=1"], limit), "memory", FOLDER)
    expect_failure("run, an input", run(["run", FOLDER + "/f.mlir", "--input=65536x65536xf32=1"], limit), "memory", FOLDER)
    expect(not os.path.exists(folder), "nothing is left behind")


def lock():
    make_inputs()
    folder = FOLDER + "/shared"
    first = start(train(folder, "--epochs=1000000", "--save-every=10"))
    wait_until(lambda: os.path.exists(folder + "/latest"), "a checkpoint")
    second = run(train(folder, "--resume", "--epochs=1000000"))
    expect(second[0] == 1 and f"{folder}: expected a folder that nobody else writes to, got one that process {first.pid} is writing to" in second[2], f"got {second}")
    print("a second process: refused")
    weights = writers(folder).get("import")
    if weights:
        third = run([*weights[:-1], folder])
        expect(third[0] == 1 and f"process {first.pid} is writing to" in third[2], f"got {third}")
    expect_loadable("while another process trains", folder)
    first.kill()
    first.wait()
    expect(os.path.exists(folder + "/.lock"), "a killed process leaves its lock's file")
    status, _, errors = run(train(folder, "--resume", "--max-steps=1"))
    expect(status == 0, errors)
    print("after a killed process: goes on")
    # Both at once, many times: one of them wins.
    for round in range(5):
        folder = f"{FOLDER}/race-{round}"
        both = [start(["train", "lstm_lm", *SMALL, "--max-steps=5", "--output-dir=" + folder]) for _ in range(2)]
        results = sorted(process.wait(timeout=300) for process in both)
        expect(results == [0, 1], f"got {results}: {[process.stderr.read() for process in both]}")
        expect_loadable("a race", folder)
        expect(not leftovers(folder), f"got {leftovers(folder)}")
    print("two at once: complete checkpoints")


{"full-disk": full_disk, "file-limit": file_limit, "permission": permission, "signals": signals, "memory": memory, "lock": lock}[KIND]()
