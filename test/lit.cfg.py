# The lit suite: *.mlir and *.test, each in the folder of what it tests. MORU_ROUNDTRIP=1 makes every moru-opt in a RUN line print, parse
# and compare the module before it works. A test that needs files outside the repository says `REQUIRES: data`.
import os
import shutil
import subprocess

import lit.formats

config.name = "Moru"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.join(config.moru_source_root, "test")
config.test_exec_root = os.path.join(config.moru_build_root, "test")

tools = os.path.join(config.moru_build_root, "bin")
config.environment["PATH"] = os.pathsep.join([tools, config.llvm_tools_dir, os.environ["PATH"]])
for name in ("HOME", "USER", "MORU_THREADS", "ASAN_OPTIONS", "UBSAN_OPTIONS", "CCACHE_DIR"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
# Nothing a test compiles may be taken from, or left in, the user's own cache.
config.environment["XDG_CACHE_HOME"] = os.path.join(config.test_exec_root, "cache")
if config.moru_sanitize:
    # LLVM keeps its command-line options and signal stacks until the end; that is not a leak of ours.
    # LLVM's allocators poison their memory in our code, from headers, and do not unpoison it in its own, which has no sanitizer.
    config.environment.setdefault("ASAN_OPTIONS", "detect_leaks=0:allow_user_poisoning=0")
    config.environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    config.available_features.add("sanitize")

# data: recorded runs, corpora and weights, in a folder beside the project.
data = config.moru_data_dir or os.path.join(config.moru_source_root, "..", "shared", "data")
data = os.path.realpath(os.environ.get("MORU_DATA_DIR", data))
if os.path.isdir(data):
    config.environment["MORU_DATA_DIR"] = data
    config.available_features.add("data")

# The instruction sets of this machine that tests ask for.
with open("/proc/cpuinfo") as cpuinfo:
    flags = next((line.split(":")[1].split() for line in cpuinfo if line.startswith("flags")), [])
for feature in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16"):
    if feature in flags:
        config.available_features.add(feature)
# unprivileged: a user who may not write everywhere can run the tools: this one, or one that root becomes.
def can_run_unprivileged():
    become = (lambda: os.setuid(65534)) if os.geteuid() == 0 else None
    try:
        return subprocess.run([os.path.join(tools, "moru"), "--version"], preexec_fn=become, capture_output=True).returncode == 0
    except OSError:
        return False


if can_run_unprivileged():
    config.available_features.add("unprivileged")
# mount: file systems may be mounted for a test alone.
if shutil.which("unshare") and subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
    config.available_features.add("mount")
if shutil.which("cc", path=config.environment["PATH"]):
    config.available_features.add("cc")
# transformers: a Python has that package and PyTorch.
peer_python = os.environ.get("MORU_PEER_PYTHON", config.python)
has_packages = "from importlib.util import find_spec; exit(not (find_spec('transformers') and find_spec('torch')))"
if shutil.which(peer_python) and subprocess.run([peer_python, "-c", has_packages], capture_output=True).returncode == 0:
    config.available_features.add("transformers")
for tool in ("moru", "moru-fuzz", "moru-opt", "moru-lsp-server", "moru-reduce"):
    if os.path.exists(os.path.join(tools, tool)):
        config.available_features.add(tool)

opt = "moru-opt --verify-roundtrip" if os.environ.get("MORU_ROUNDTRIP") == "1" else "moru-opt"
config.substitutions += [
    # `%moru-opt`, and `moru-opt` as a word of its own.
    (r"%moru-opt\b", opt.replace("moru-opt", os.path.join(tools, "moru-opt"), 1)),
    (r"(?<![\w/.%-])moru-opt(?![\w-])", opt.replace("moru-opt", os.path.join(tools, "moru-opt"), 1)),
    (r"%moru\b(?!-)", os.path.join(tools, "moru")),
    (r"%FileCheck\b", os.path.join(config.llvm_tools_dir, "FileCheck")),
    (r"%project\b", config.moru_source_root),
    (r"%build\b", config.moru_build_root),
    (r"%plugins\b", os.path.join(config.moru_build_root, "lib")),
    (r"%data\b", data),
    (r"%python\b", config.python),
    (r"%peer-python\b", peer_python),
    (r"%cxx\b", config.cxx_compiler),
    (r"%cc\b", config.c_compiler),
]
