//===- Mutants.h - how many mistakes the checker finds --------------*- C++ -*-===//
// A campaign: after each pass some mutants of what it made are checked, and a table says which were caught. One that
// no check finds may be no mistake at all: what is proved to compute the same is replaced by another one.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_MUTANTS_H
#define MORU_CHECK_MUTANTS_H

#include "moru/Check/Checker.h"
#include "moru/Check/Mutator.h"

#include "llvm/Support/raw_ostream.h"

#include <map>

namespace moru::check {

/// One mutant and what became of it.
struct MutantOutcome {
  std::string pass;
  MutationKind kind;
  /// The number to give to `--inject`.
  int64_t number;
  /// The operation and its place, and what was done to it.
  std::string site;
  /// The operation as it was, without its regions: to judge a survivor by.
  std::string text;
  /// An equivalent one is proved to compute the same, so it is no mistake and does not count.
  enum { Caught, CaughtElsewhere, Survived, Equivalent } outcome = Survived;
  /// The error that caught it.
  std::string message = {};
  /// Of a survivor: how many entries it changes, within what rounding may do.
  int64_t changed = 0;
  /// Of a survivor: whether it is proved that only infinite numbers and NaN could show it.
  bool isSameForFinite = false;
};

/// Samples mutations with a fixed seed and keeps the outcomes.
class MutantCampaign {
public:
  MutantCampaign(uint64_t seed, int64_t perPass) : seed(seed), perPass(perPass) {}

  /// Checks mutants of `scope`, which `pass` has just made, and which `checker` has found right.
  void run(Checker &checker, llvm::StringRef pass, mlir::Operation *scope);

  /// The table, the operation below each survivor, then one line: `mutants: 100, caught with the right pass 97,
  /// elsewhere 1, survived 2; proved equivalent 20`.
  void print(llvm::raw_ostream &stream) const;

private:
  void runOne(Checker &checker, llvm::StringRef pass, mlir::Operation *scope, MutationKind kind, int64_t number);

  uint32_t nextStream(llvm::StringRef pass, mlir::Operation *scope);

  uint64_t seed;
  int64_t perPass;
  /// How often a pass has run on a function.
  std::map<std::string, uint32_t> runs;
  int64_t numMutants = 0;
  std::vector<MutantOutcome> outcomes;
};

} // namespace moru::check

#endif // MORU_CHECK_MUTANTS_H
