//===- Instrument.cpp - checks between the passes of a pipeline ---------------===//
// An instrumentation cannot fail a pipeline, so a last pass does it, which knows what the checks have found.
//===----------------------------------------------------------------------===//

#include "moru/Check/Instrument.h"

#include "moru/Check/Mutants.h"
#include "moru/Check/Reproducer.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"

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
  /// The pipeline as text, for a command that repeats it.
  std::string pipeline;
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
    func::FuncOp wrong = state->hasFailed ? state->checker.wrongFunction() : func::FuncOp();
    if (wrong && state->options.onWrong)
      state->options.onWrong(wrong);
    if (wrong && state->options.leavesReproducer)
      leaveReproducerOf(wrong);
    if (state->options.mutants != 0 && !state->hasFailed && getPassClass(pass->getArgument()))
      state->campaign.run(state->checker, pass->getArgument(), op);
  }

private:
  /// Leaves a test of what the checker has found wrong, and says where.
  void leaveReproducerOf(func::FuncOp function) {
    std::string command = "moru-opt %s --check=each --pass-pipeline='" + state->pipeline + "'";
    if (!state->options.inject.empty())
      command += " --inject=" + state->options.inject;
    llvm::Expected<std::string> path = leaveReproducer(function->getParentOp(), command + " -o /dev/null", "",
                                                       state->options.reproducerFolder, "moru-check");
    if (path)
      emitRemark(function.getLoc(), "a test of it, with the arguments that show it, is ")
          << *path << "; 'moru-reduce " << *path << "' makes it small";
    else
      emitRemark(function.getLoc(), "no test of it is left: ") << llvm::toString(path.takeError());
  }

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
    reportTally();
    if (state->injection) {
      emitError(getOperation()->getLoc(), "--inject: expected a pass of the pipeline, got '")
          << state->injection->pass << "'";
      return signalPassFailure();
    }
    if (state->hasFailed)
      signalPassFailure();
  }

private:
  /// What could not be compared is said, so that nobody takes it for compared.
  void reportTally() {
    const Tally &tally = state->checker.tally();
    if (state->options.tally)
      *state->options.tally += tally;
    else if (tally.undecided != 0 && !state->hasFailed)
      emitRemark(getOperation()->getLoc(), "checks: compared ")
          << tally.entries << " entries, " << tally.undecided
          << " of them undecided: the Reference cannot say what is right there";
  }

  std::shared_ptr<State> state;
};

} // namespace

static std::string kindName(MutationKind kind) { return toString(kind).str(); }

static std::string printPipeline(PassManager &manager) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  // Passes without a name, as of a compilation that writes its stages.
  llvm::Regex unknown("unknown<[^>]*>,?");
  while (unknown.match(text))
    text = unknown.sub("", text);
  return text;
}

/// The named passes of a pipeline, nested ones included: the words of its textual form that have a class.
static int64_t countPasses(StringRef text) {
  SmallVector<StringRef> words;
  text.split(words, ',', -1, false);
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
  std::string pipeline = printPipeline(manager);
  int64_t passes = countPasses(pipeline), perPass = (options.mutants + passes - 1) / passes;
  auto state = std::make_shared<State>(options, injection, perPass);
  state->pipeline = std::move(pipeline);
  manager.addInstrumentation(std::make_unique<CheckInstrumentation>(state));
  manager.addPass(std::make_unique<ReportChecks>(state));
  return success();
}
