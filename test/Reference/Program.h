//===- Program.h - small programs for tests of the Reference ------*- C++ -*-===//
// A fixture that owns the context, parses a function and evaluates it on lists of numbers.
//===----------------------------------------------------------------------===//

#ifndef MORU_TEST_REFERENCE_PROGRAM_H
#define MORU_TEST_REFERENCE_PROGRAM_H

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Support/Philox.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <string>

namespace moru::reference {

class ProgramTest : public ::testing::Test {
protected:
  ProgramTest() { context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>(); }

  /// The first function of a module.
  mlir::func::FuncOp parse(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return *module->getOps<mlir::func::FuncOp>().begin();
  }

  /// `func.func @f(arguments) -> results { body }`.
  mlir::func::FuncOp function(const std::string &arguments, const std::string &results, const std::string &body) {
    return parse("func.func @f(" + arguments + ") -> (" + results + ") {\n" + body + "\n}");
  }

  /// The results for arguments given as lists in row-major order.
  llvm::SmallVector<Tensor> run(mlir::func::FuncOp f, const std::vector<std::vector<double>> &arguments,
                                Bounds bounds = Bounds::Off) {
    llvm::SmallVector<Tensor> tensors;
    for (auto [type, values] : llvm::zip_equal(f.getArgumentTypes(), arguments))
      tensors.push_back(makeTensor(mlir::cast<mlir::RankedTensorType>(type), values));
    EvaluateOptions options;
    options.bounds = bounds;
    auto results = evaluate(f, tensors, options);
    EXPECT_TRUE(mlir::succeeded(results));
    return mlir::succeeded(results) ? *results : llvm::SmallVector<Tensor>();
  }

  /// `count` numbers, f32 values, in [low, high).
  static std::vector<double> draw(int64_t count, uint32_t stream, double low = -2, double high = 2) {
    std::vector<double> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(static_cast<float>(low + (high - low) * philoxUniform(7, stream, 0, i)));
    return values;
  }

  static void expectNear(const std::vector<double> &got, const std::vector<double> &expected,
                         double tolerance = 1e-12) {
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], tolerance) << "entry " << i;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace moru::reference

#endif // MORU_TEST_REFERENCE_PROGRAM_H
