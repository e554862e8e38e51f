// Random graphs: every operation of the dialect is in the table and comes up, every graph verifies, and one seed gives
// one program.

#include "moru/Check/RandomGraph.h"
#include "moru/Check/Fuzz.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <set>

using namespace moru;
using namespace moru::check;

namespace {

class RandomGraphTest : public ::testing::Test {
protected:
  RandomGraphTest() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  std::string print(uint64_t seed) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    makeFuzzModule(&context, seed, {})->print(stream);
    return text;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
};

TEST_F(RandomGraphTest, EveryOperationHasARow) {
  llvm::SmallVector<llvm::StringRef> generated = generatedOperations(/*minWeight=*/0);
  for (mlir::RegisteredOperationName name : context.getRegisteredOperations()) {
    // A gradient is taken of a whole function; terminators come with what they end.
    if (name.getDialectNamespace() != "graph" || name.hasTrait<mlir::OpTrait::IsTerminator>() ||
        name.getStringRef() == graph::GradientOp::getOperationName())
      continue;
    EXPECT_TRUE(llvm::is_contained(generated, name.getStringRef()))
        << "add a row for " << name.getStringRef().str() << " to lib/Check/RandomOperations.cpp";
  }
}

TEST_F(RandomGraphTest, EveryRowComesUpAndVerifies) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed != 300; ++seed) {
    auto module = makeFuzzModule(&context, seed, {});
    ASSERT_TRUE(succeeded(mlir::verify(*module))) << "seed " << seed;
    module->walk([&](mlir::Operation *op) { seen.insert(op->getName().getStringRef().str()); });
  }
  for (llvm::StringRef name : generatedOperations())
    EXPECT_TRUE(seen.count(name.str())) << name.str() << " is never generated";
  EXPECT_TRUE(seen.count(graph::GradientOp::getOperationName().str()));
}

TEST_F(RandomGraphTest, OneSeedGivesOneProgram) {
  EXPECT_EQ(print(17), print(17));
  EXPECT_NE(print(17), print(18));
}

/// Types, empty axes, loops in loops, gradients of gradients, state that is replaced.
TEST_F(RandomGraphTest, GraphsAreOfAllKinds) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed != 300; ++seed) {
    std::string text = print(seed);
    for (const char *part :
         {"xf32>", "xf64>", "xbf16>", "xi32>", "xi64>", "xi1>", "x0x", "<1x", "graph.donated", "func.func @g"})
      if (text.find(part) != std::string::npos)
        found.insert(part);
    auto module = makeFuzzModule(&context, seed, {});
    module->walk([&](graph::ScanOp scan) {
      if (scan->getParentOfType<graph::ScanOp>())
        found.insert("nested");
    });
    module->walk([&](graph::GradientOp gradient) {
      for (mlir::Operation *user : gradient->getUsers())
        if (!user->hasTrait<mlir::OpTrait::IsTerminator>())
          found.insert("second");
    });
  }
  EXPECT_EQ(found.size(), 12u) << "of types, shapes and forms";
}

} // namespace
