//===- ResidualsTest.cpp - what recomputation saves -----------------------===//
// The bytes that loops keep for their reverse, and the arena of the planned
// program, under each policy.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Dialect/Graph/ResidualTable.h"
#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Pipeline/Pipeline.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace moru;

namespace {

class Residuals : public ::testing::Test {
protected:
  Residuals() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  OwningOpRef<ModuleOp> compile(const std::string &text, Stage stage, const PipelineOptions &options) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    PassManager manager(&context);
    populateStages(manager, Stage::Graph, stage, options);
    EXPECT_TRUE(module && succeeded(manager.run(*module)));
    return module;
  }

  /// The bytes of the outputs that scans have for their reverse.
  int64_t countResiduals(const std::string &text, const PipelineOptions &options) {
    int64_t bytes = 0;
    compile(text, Stage::Gradient, options)->walk([&](graph::ScanOp scan) {
      if (auto numbers = scan->getAttrOfType<DenseI64ArrayAttr>(graph::kResidualsAttr))
        for (int64_t number : numbers.asArrayRef())
          bytes += cast<RankedTensorType>(scan.getOutputResults()[number].getType()).getNumElements() * 4;
    });
    return bytes;
  }

  int64_t measureArena(const std::string &text, const PipelineOptions &options) {
    OwningOpRef<ModuleOp> module = compile(text, Stage::Plan, options);
    auto function = *module->getOps<func::FuncOp>().begin();
    return function->getAttrOfType<IntegerAttr>(kernel::KernelDialect::kArenaAttr).getInt();
  }

  MLIRContext context;
};

/// A loop of 64 steps with much elementwise work on a carry of [8, 16], which
/// is 512 bytes.
const char *const kLoop = R"(
func.func @f(%h0: tensor<8x16xf32>, %w: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %last = graph.scan 64 carry(%h = %h0) : (tensor<8x16xf32>) -> tensor<8x16xf32> {
    %0 = graph.contract %h, %w over [1] with [0] : tensor<8x16xf32>, tensor<16x16xf32> -> tensor<8x16xf32>
    %1 = graph.sin %0 : tensor<8x16xf32>
    %2 = graph.exp %1 : tensor<8x16xf32>
    %3 = graph.mul %2, %1 : tensor<8x16xf32>
    %4 = graph.tanh %3 : tensor<8x16xf32>
    %5 = graph.mul %4, %2 : tensor<8x16xf32>
    %6 = graph.sin %5 : tensor<8x16xf32>
    graph.yield carry(%6 : tensor<8x16xf32>)
  }
  %loss = graph.reduce_sum %last over [0, 1] : tensor<8x16xf32> -> tensor<f32>
  %d = graph.gradient %loss wrt(%w) : tensor<f32>, (tensor<16x16xf32>)
  return %d : tensor<16x16xf32>
})";
constexpr int64_t kStack = 64 * 8 * 16 * 4;

TEST_F(Residuals, OfALoopFallToItsCarries) {
  // Read by the reverse: %h, %0, %1, %2, %4, %5.
  EXPECT_EQ(countResiduals(kLoop, {}), 6 * kStack);
  EXPECT_EQ(countResiduals(kLoop, {.recompute = true}), kStack);
  EXPECT_EQ(countResiduals(kLoop, {.memoryBudget = 6 * kStack}), 6 * kStack);
  EXPECT_EQ(countResiduals(kLoop, {.memoryBudget = 6 * kStack - 1}), 2 * kStack);
  EXPECT_EQ(countResiduals(kLoop, {.memoryBudget = 2 * kStack - 1}), kStack);
}

/// The arena falls by nearly as much; with a budget the sum of the weights'
/// gradient takes chunks of the steps too.
TEST_F(Residuals, TakeRoomInTheArena) {
  int64_t kept = measureArena(kLoop, {}), recomputed = measureArena(kLoop, {.recompute = true});
  EXPECT_GT(kept, 6 * kStack);
  EXPECT_LT(recomputed, kept - 3 * kStack);
  EXPECT_LT(measureArena(kLoop, {.memoryBudget = kStack / 2}), recomputed);
}

/// Blocks one after the other, each of which reads the last one's result alone.
std::string makeBlocks(bool checkpoints) {
  std::string body, last = "%x";
  for (int block = 0; block < 6; ++block) {
    std::string name = "%b" + std::to_string(block);
    std::string work = llvm::formatv(R"(
      {0}0 = graph.contract {1}, %w over [1] with [0] : tensor<64x16xf32>, tensor<16x16xf32> -> tensor<64x16xf32>
      {0}1 = graph.sin {0}0 : tensor<64x16xf32>
      {0}2 = graph.contract {0}1, %w over [1] with [0] : tensor<64x16xf32>, tensor<16x16xf32> -> tensor<64x16xf32>
      {0}3 = graph.tanh {0}2 : tensor<64x16xf32>
      {0}4 = graph.contract {0}3, %w over [1] with [0] : tensor<64x16xf32>, tensor<16x16xf32> -> tensor<64x16xf32>)",
                                     name, last);
    if (checkpoints)
      body += name + " = graph.checkpoint -> (tensor<64x16xf32>) {" + work + "\ngraph.yield out(" + name +
              "4 : tensor<64x16xf32>)\n}\n";
    else
      body += work + "\n";
    last = checkpoints ? name : name + "4";
  }
  return "func.func @f(%x: tensor<64x16xf32>, %w: tensor<16x16xf32>) -> "
         "tensor<16x16xf32> {\n" +
         body + "%loss = graph.reduce_sum " + last +
         " over [0, 1] : tensor<64x16xf32> -> tensor<f32>\n"
         "%d = graph.gradient %loss wrt(%w) : tensor<f32>, "
         "(tensor<16x16xf32>)\nreturn %d : tensor<16x16xf32>\n}";
}

TEST_F(Residuals, OfCheckpointsAreWhatTheyRead) {
  // Kernels in their order: those that are launched together keep what they read.
  int64_t kept = measureArena(makeBlocks(false), {.group = false});
  int64_t recomputed = measureArena(makeBlocks(true), {.group = false});
  constexpr int64_t kValue = 64 * 16 * 4;
  EXPECT_GT(kept, 30 * kValue);
  EXPECT_LT(recomputed, 20 * kValue);
}

/// What is kept, its bytes and its line are shown.
TEST_F(Residuals, AreShownInATable) {
  OwningOpRef<ModuleOp> module = compile(R"(
func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  %last = graph.scan 10 carry(%h = %x) : (tensor<8xf32>) -> tensor<8xf32> {
    %0 = graph.sin %h : tensor<8xf32> loc("gate"("model.cpp":12:3))
    %1 = graph.exp %0 : tensor<8xf32> loc("model.cpp":13:3)
    graph.yield carry(%1 : tensor<8xf32>)
  }
  %y = graph.tanh %last : tensor<8xf32> loc("model.cpp":14:3)
  %z = graph.checkpoint -> (tensor<8xf32>) {
    %2 = graph.sin %y : tensor<8xf32>
    graph.yield out(%2 : tensor<8xf32>)
  }
  %loss = graph.reduce_sum %z over [0] : tensor<8xf32> -> tensor<f32>
  %d = graph.gradient %loss wrt(%x) : tensor<f32>, (tensor<8xf32>)
  return %d : tensor<8xf32>
})",
                                         Stage::Gradient, {});
  std::string text = graph::printResidualTables(*module);
  EXPECT_NE(text.find("// @f: "), std::string::npos) << text;
  for (const char *part : {"exp f32 10x8", "model.cpp:13", "320", "tanh f32 8", "model.cpp:14", "a loop",
                           "a checkpoint", "kept for the reverse"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

} // namespace
