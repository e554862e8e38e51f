# What tools/quickstart, tools/test and .ci/run share: the packages Moru needs, and its build. Sourced, with the project root as the
# current folder.

# Compiler, libraries, test tools (gcc: the plain `cc` that builds the C runtime and compiled models). Those with 22 in their name come
# from Debian's security archive.
packages=(git ca-certificates cmake ninja-build ccache python3 libc6-dev libstdc++-12-dev
  clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  libfmt-dev libgtest-dev libutf8proc-dev gcc)

say() { printf '\n==> %s\n' "$*"; }
fail() { printf '%s: %s\n' "$0" "$1" >&2; exit 1; }

# missing_packages NAME...: those that dpkg does not know as installed.
missing_packages() {
  local name
  for name; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || echo "$name"
  done
}

# install_packages NAME...: installs what is missing, after saying so; does nothing, not even `apt-get update`, where nothing is.
install_packages() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "expected a Debian 12 system (apt-get and dpkg), got $(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null || uname -s); install LLVM and MLIR 22 and the rest by hand, then run: cmake --preset release && cmake --build build"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} == 0 ]] && return
  local root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || fail "expected root or sudo to install packages, got neither; have root run: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "Installing with apt-get: ${missing[*]}"
  "${root[@]}" apt-get update -qq || fail "apt-get update failed: see above; is the network there?"
  local unknown=() name
  for name in "${missing[@]}"; do
    apt-cache show "$name" >/dev/null 2>&1 || unknown+=("$name")
  done
  [[ ${#unknown[@]} == 0 ]] ||
    fail "expected apt to know ${unknown[*]}; LLVM 22 is in Debian 12's security archive: add the line 'deb http://deb.debian.org/debian-security bookworm-security main' to /etc/apt/sources.list"
  # The sizes, in apt's words.
  apt-get install --assume-no --no-install-recommends "${missing[@]}" 2>/dev/null | grep -E '^(Need to get|After this)' || true
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null ||
    fail "apt-get install failed: see above"
}

# build_moru PRESET FOLDER TARGET...: configures and builds; says what went wrong if it did.
build_moru() {
  local preset=$1 folder=$2 log
  shift 2
  say "Building (preset $preset, into $folder/)"
  log=$(mktemp)
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log"; rm -f "$log"; fail "cmake could not configure the project: see above"; }
  rm -f "$log"
  # ninja's counter where somebody watches a terminal, else nothing but errors.
  local quiet=()
  [[ -t 1 ]] || quiet=(-- --quiet)
  cmake --build "$folder" --target "$@" "${quiet[@]}" || fail "the build failed: see above"
}
