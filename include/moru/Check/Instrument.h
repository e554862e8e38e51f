//===- Instrument.h - checks between the passes of a pipeline -------*- C++ -*-===//
// How `--check=each` and `--inject` get into a pass manager.
//===----------------------------------------------------------------------===//

#ifndef MORU_CHECK_INSTRUMENT_H
#define MORU_CHECK_INSTRUMENT_H

#include "moru/Check/Checker.h"

#include "mlir/Pass/PassManager.h"

#include <functional>
#include <string>

namespace moru::check {

/// What to do after each pass.
struct InstrumentOptions {
  /// Check the program (`--check=each`).
  bool checkEach = false;
  CheckOptions check;
  /// `<kind>@<pass>#n`: a mutation to make, or empty.
  std::string inject;
  /// Receives what the checks have compared.
  Tally *tally = nullptr;
  /// Called with a function that was found wrong (`Checker::wrongFunction`).
  std::function<void(mlir::func::FuncOp)> onWrong = {};
  /// A failure leaves a file that shows it alone (Reproducer.h).
  bool leavesReproducer = true;
  /// The folder that gets the file; empty: that of temporary files.
  std::string reproducerFolder = "";
  /// Try that many mutants after the pipeline and print a table; 0: none.
  int64_t mutants = 0;
};

/// Adds to a manager that is otherwise complete what `options` asks for. A difference fails the run of the manager.
/// Fails, with an error, where `inject` is malformed.
mlir::LogicalResult instrument(mlir::PassManager &manager, const InstrumentOptions &options);

} // namespace moru::check

#endif // MORU_CHECK_INSTRUMENT_H
