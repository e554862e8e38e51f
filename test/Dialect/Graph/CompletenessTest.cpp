//===- CompletenessTest.cpp - what an operation still lacks ---------------===//
// Enumerates the operations of the dialect and says, for each, what has not been written yet: the word on its gradient,
// a lit test, a reference evaluator. Its example is tested in test/Docs.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Evaluator.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace moru::graph;

namespace {

std::string readFile(const llvm::Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  EXPECT_TRUE(buffer) << path.str();
  return buffer ? (*buffer)->getBuffer().str() : "";
}

class Completeness : public ::testing::Test {
protected:
  Completeness() { context.loadDialect<GraphDialect, func::FuncDialect>(); }

  /// The operations of the dialect; terminators are judged with the operation they end.
  SmallVector<RegisteredOperationName> operations(bool withTerminators) {
    SmallVector<RegisteredOperationName> names;
    for (RegisteredOperationName name : context.getRegisteredOperations())
      if (name.getDialectNamespace() == "graph" && (withTerminators || !name.hasTrait<OpTrait::IsTerminator>()))
        names.push_back(name);
    return names;
  }

  MLIRContext context;
};

TEST_F(Completeness, EveryOperationSaysWhetherItHasAGradient) {
  for (RegisteredOperationName name : operations(false))
    if (name.hasInterface<DecomposableOpInterface>())
      EXPECT_FALSE(name.hasInterface<NonDifferentiableOpInterface>())
          << name.getStringRef().str() << " is differentiated through its decomposition";
    else
      EXPECT_TRUE(name.hasInterface<DifferentiableOpInterface>() != name.hasInterface<NonDifferentiableOpInterface>())
          << name.getStringRef().str() << " needs exactly one of Graph_Differentiable and Graph_NotDifferentiable";
}

TEST_F(Completeness, EveryOperationIsInALitTest) {
  std::string tests;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(MORU_TEST_FOLDER, error), end; file != end && !error;
       file.increment(error))
    if (llvm::sys::path::extension(file->path()) == ".mlir")
      tests += readFile(file->path());
  for (RegisteredOperationName name : operations(true))
    EXPECT_TRUE(llvm::Regex("graph\\." + name.getStringRef().split('.').second.str() + "[^a-z_]").match(tests))
        << name.getStringRef().str() << " is in no .mlir file of test/Dialect/Graph";
}

TEST_F(Completeness, EveryOperationHasAReferenceEvaluator) {
  for (RegisteredOperationName name : operations(false))
    if (name.getStringRef() != GradientOp::getOperationName()) // Expanded before it is evaluated.
      EXPECT_TRUE(moru::reference::hasEvaluator(name)) << name.getStringRef().str() << " is missing from lib/Reference";
}

} // namespace
