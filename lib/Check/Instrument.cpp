//===- Instrument.cpp - checks between the passes of a pipeline ---------------===//
// An instrumentation cannot fail a pipeline, so a last pass does it, which knows what the checks have found.
//===----------------------------------------------------------------------===//

#include "moru/Check/Instrument.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

namespace {

/// What the instrumentation and the last pass share.
struct State {
  explicit State(const InstrumentOptions &options) : options(options), checker(options.check) {}

  InstrumentOptions options;
  Checker checker;
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
    if (state->options.checkEach)
      state->hasFailed |= failed(state->checker.check(pass->getArgument(), op));
  }

private:
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
    if (state->hasFailed)
      signalPassFailure();
  }

private:
  std::shared_ptr<State> state;
};

} // namespace

LogicalResult check::instrument(PassManager &manager, const InstrumentOptions &options) {
  if (!options.checkEach && options.inject.empty() && options.mutants == 0)
    return success();
  auto state = std::make_shared<State>(options);
  manager.addInstrumentation(std::make_unique<CheckInstrumentation>(state));
  manager.addPass(std::make_unique<ReportChecks>(state));
  return success();
}
