//===- Mutants.cpp - how many mistakes the checker finds -----------------------===//
// Mutants are copies: the program that goes on is never touched.
//===----------------------------------------------------------------------===//

#include "moru/Check/Mutants.h"

#include "moru/Support/Philox.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/xxhash.h"

#include <set>

using namespace mlir;
using namespace moru;
using namespace moru::check;

/// Attempts per mutant that is wanted: a mutation that does not verify, or was drawn before, is drawn again.
static constexpr int64_t kAttempts = 20;

static std::string describe(Operation *op, StringRef what) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << op->getName() << " at ";
  op->getLoc().print(stream);
  stream << ": " << what;
  return text;
}

/// The operation on one line.
static std::string toText(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, OpPrintingFlags().useLocalScope().skipRegions().elideLargeElementsAttrs());
  return text;
}

void MutantCampaign::runOne(Checker &checker, StringRef pass, Operation *scope, MutationKind kind, int64_t number) {
  OwningOpRef<Operation *> copy(scope->clone());
  std::vector<Mutation> mutations = findMutations(copy.get(), kind);
  std::string message;
  ScopedDiagnosticHandler handler(scope->getContext(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      message += (message.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  Mutation &mutation = mutations[number];
  MutantOutcome outcome{pass.str(), kind, number, describe(mutation.op, mutation.what), toText(mutation.op)};
  mutation.apply();
  if (failed(verify(copy.get())))
    return;
  message.clear();
  Tally tally, right;
  if (failed(checker.probe(pass, copy.get(), tally))) {
    bool namesPass = StringRef(message).contains(("'" + pass + "'").str());
    outcome.outcome = namesPass ? MutantOutcome::Caught : MutantOutcome::CaughtElsewhere;
  } else if (checker.areEquivalent(scope, copy.get())) {
    outcome.outcome = MutantOutcome::Equivalent;
  } else if (succeeded(checker.probe(pass, scope, right))) {
    outcome.changed = tally.inexact - right.inexact;
    outcome.isSameForFinite = checker.areEquivalent(scope, copy.get(), /*finite=*/true);
  }
  outcome.message = message;
  numMutants += outcome.outcome != MutantOutcome::Equivalent;
  outcomes.push_back(std::move(outcome));
}

/// A stream of its own for each run of a pass on a function, as functions may come in any order.
uint32_t MutantCampaign::nextStream(StringRef pass, Operation *scope) {
  auto name = scope->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
  std::string place = (pass + "@" + (name ? name.getValue() : StringRef())).str();
  return static_cast<uint32_t>(llvm::xxh3_64bits(place)) + runs[place]++;
}

void MutantCampaign::run(Checker &checker, StringRef pass, Operation *scope) {
  SmallVector<std::pair<MutationKind, int64_t>> counts;
  for (MutationKind kind : mutationKinds())
    if (int64_t count = findMutations(scope, kind).size())
      counts.push_back({kind, count});
  uint32_t draw = 0, stream = nextStream(pass, scope);
  std::set<std::pair<MutationKind, int64_t>> drawn;
  int64_t wanted = numMutants + perPass;
  // Kinds take turns, from a drawn one on; sites of a kind are drawn.
  auto first = static_cast<size_t>(philoxUniform(seed, stream, 1, 0) * static_cast<double>(counts.size()));
  while (!counts.empty() && numMutants < wanted && draw < perPass * kAttempts) {
    auto [kind, count] = counts[(first + draw) % counts.size()];
    int64_t number = static_cast<int64_t>(philoxUniform(seed, stream, 0, draw++) * static_cast<double>(count));
    if (drawn.insert({kind, number}).second)
      runOne(checker, pass, scope, kind, number);
  }
}

static StringRef outcomeName(const MutantOutcome &outcome) {
  switch (outcome.outcome) {
  case MutantOutcome::Caught:
    return "caught";
  case MutantOutcome::CaughtElsewhere:
    return "elsewhere";
  case MutantOutcome::Survived:
    return "SURVIVED";
  case MutantOutcome::Equivalent:
    return "equivalent";
  }
  llvm_unreachable("every outcome has a name");
}

void MutantCampaign::print(llvm::raw_ostream &stream) const {
  int64_t counts[4] = {};
  for (const MutantOutcome &outcome : outcomes) {
    ++counts[outcome.outcome];
    std::string injection = llvm::formatv("{0}@{1}#{2}", toString(outcome.kind), outcome.pass, outcome.number);
    stream << llvm::formatv("{0,-10} {1,-52} {2}\n", outcomeName(outcome), injection, outcome.site);
    if (outcome.outcome == MutantOutcome::Survived)
      stream << llvm::formatv("           (changes {0} entries within their bounds{1}) {2}\n", outcome.changed,
                              outcome.isSameForFinite ? "; proved the same for finite numbers" : "", outcome.text);
  }
  stream << "mutants: " << numMutants << ", caught with the right pass " << counts[MutantOutcome::Caught]
         << ", elsewhere " << counts[MutantOutcome::CaughtElsewhere] << ", survived " << counts[MutantOutcome::Survived]
         << "; proved equivalent " << counts[MutantOutcome::Equivalent] << "\n";
}
