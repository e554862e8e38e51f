//===- Instrument.cpp - checks between the passes of a pipeline ---------------===//
// An instrumentation cannot fail a pipeline, so a last pass does it, which knows what the checks have found.
//===----------------------------------------------------------------------===//

#include "moru/Check/Instrument.h"

#include "moru/Check/Mutants.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

namespace {

/// What the instrumentation and the last pass share.
struct State {
  State(const InstrumentOptions &options, std::optional<Injection> injection, int64_t mutantsPerPass)
      : options(options), injection(std::move(injection)), checker(options.check),
        campaign(options.check.seed, mutantsPerPass) {}

  InstrumentOptions options;
  /// What is still to be injected.
  std::optional<Injection> injection;
  Checker checker;
  MutantCampaign campaign;
  bool hasBegun = false;
  bool hasFailed = false;
};

/// Checks after each pass that has a name (the adaptors between nested managers have none).
class CheckInstrumentation : public PassInstrumentation {
public:
  explicit CheckInstrumentation(std::shared_ptr<State> state) : state(std::move(state)) {}

  void runBeforePass(Pass *, Operation *op) override {
    if (state->hasBegun || state->hasFailed)
      return;
    state->hasBegun = true;
    state->hasFailed = failed(state->checker.begin(op));
  }

  void runAfterPass(Pass *pass, Operation *op) override {
    if (pass->getArgument().empty() || state->hasFailed)
      return;
    injectInto(op, pass->getArgument());
    if (state->options.checkEach)
      state->hasFailed |= failed(state->checker.check(pass->getArgument(), op));
    if (state->options.mutants != 0 && !state->hasFailed && getPassClass(pass->getArgument()))
      state->campaign.run(state->checker, pass->getArgument(), op);
  }

private:
  /// Makes the mutation asked for, the first time that its pass has run.
  void injectInto(Operation *op, StringRef pass) {
    if (!state->injection || state->injection->pass != pass)
      return;
    Injection injection = *std::exchange(state->injection, std::nullopt);
    std::vector<Mutation> mutations = findMutations(op, injection.kind);
    if (injection.number >= static_cast<int64_t>(mutations.size())) {
      state->hasFailed = true;
      emitError(op->getLoc(), "--inject: expected a number below ")
          << mutations.size() << " for " << toString(injection.kind) << " after '" << pass << "', got "
          << injection.number;
      return;
    }
    const Mutation &mutation = mutations[injection.number];
    emitRemark(mutation.op->getLoc(), "injected ") << toString(injection.kind) << ": " << mutation.what;
    mutation.apply();
    state->hasFailed |= failed(verify(op));
  }

  std::shared_ptr<State> state;
};

/// Fails if a check has failed.
class ReportChecks : public PassWrapper<ReportChecks, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReportChecks)
  explicit ReportChecks(std::shared_ptr<State> state) : state(std::move(state)) {}

  StringRef getName() const override { return "ReportChecks"; }
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (state->options.mutants != 0)
      state->campaign.print(llvm::errs());
    if (state->injection) {
      emitError(getOperation()->getLoc(), "--inject: expected a pass of the pipeline, got '")
          << state->injection->pass << "'";
      return signalPassFailure();
    }
    if (state->hasFailed)
      signalPassFailure();
  }

private:
  std::shared_ptr<State> state;
};

} // namespace

static std::string kindName(MutationKind kind) { return toString(kind).str(); }

/// The named passes of a pipeline, nested ones included: the words of its textual form that have a class.
static int64_t countPasses(PassManager &manager) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  SmallVector<StringRef> words;
  StringRef(text).split(words, ',', -1, false);
  int64_t count = 0;
  for (StringRef word : words) {
    StringRef name = word.take_until([](char c) { return c == '{' || c == ')'; });
    count += getPassClass(name.substr(name.rfind('(') + 1)).has_value();
  }
  return std::max<int64_t>(count, 1);
}

LogicalResult check::instrument(PassManager &manager, const InstrumentOptions &options) {
  if (!options.checkEach && options.inject.empty() && options.mutants == 0)
    return success();
  std::optional<Injection> injection = parseInjection(options.inject);
  if (!options.inject.empty() && !injection)
    return emitError(UnknownLoc::get(manager.getContext()), "--inject: expected <kind>@<pass>#<n>, got '")
           << options.inject << "'; kinds: " << llvm::join(llvm::map_range(mutationKinds(), kindName), ", ");
  int64_t perPass = (options.mutants + countPasses(manager) - 1) / countPasses(manager);
  auto state = std::make_shared<State>(options, injection, perPass);
  manager.addInstrumentation(std::make_unique<CheckInstrumentation>(state));
  manager.addPass(std::make_unique<ReportChecks>(state));
  return success();
}
