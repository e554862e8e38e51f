// The main of a fuzz target where there is no fuzzer: runs the target on every file of the folders given, on each of
// their beginnings at powers of two, and on copies with a few bytes changed, the same ones each time. `-runs=N` is the
// number of copies; other options of libFuzzer are ignored.

#include "Fuzz.h"

#include "moru/Support/Files.h"
#include "moru/Support/Philox.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace llvm;
using namespace moru;

/// In memory of its own, so that a sanitizer sees the first byte too many.
static void run(StringRef input) {
  std::vector<uint8_t> bytes(input.bytes_begin(), input.bytes_end());
  bytes.shrink_to_fit();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

static std::vector<std::string> readSeeds(ArrayRef<std::string> folders) {
  std::vector<std::string> paths, seeds;
  std::error_code reason;
  for (const std::string &folder : folders)
    for (sys::fs::directory_iterator entry(folder, reason), end; !reason && entry != end; entry.increment(reason))
      paths.push_back(entry->path());
  std::sort(paths.begin(), paths.end());
  for (const std::string &path : paths)
    seeds.push_back(cantFail(readFile(path)));
  return seeds;
}

static std::string changed(const std::string &seed, uint64_t round) {
  std::string copy = seed;
  for (uint32_t change = 0; !copy.empty() && change <= philoxBits(round, 1, 0, 0) % 4; ++change)
    copy[philoxBits(round, 2, change, 0) % copy.size()] = char(philoxBits(round, 3, change, 0));
  return copy;
}

int main(int argc, char **argv) {
  uint64_t runs = 0;
  std::vector<std::string> folders;
  for (StringRef argument : drop_begin(ArrayRef(argv, size_t(argc)))) {
    if (argument.consume_front("-runs="))
      argument.getAsInteger(10, runs);
    else if (!argument.starts_with("-"))
      folders.push_back(argument.str());
  }
  std::vector<std::string> seeds = readSeeds(folders);
  if (seeds.empty()) {
    errs() << "expected folders with inputs, got none\n";
    return EXIT_FAILURE;
  }
  for (const std::string &seed : seeds) {
    run(seed);
    for (size_t size = 1; size < seed.size(); size *= 2)
      run(StringRef(seed).take_front(size));
  }
  for (uint64_t round = 0; round < runs; ++round)
    run(changed(seeds[round % seeds.size()], round));
  outs() << seeds.size() << " inputs, " << runs << " changed ones\n";
  return EXIT_SUCCESS;
}
