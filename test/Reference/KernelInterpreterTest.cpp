// Programs of kernels: windows, layouts, loops, and arenas whose plan is wrong.

#include "Program.h"

#include "moru/Reference/KernelInterpreter.h"

using namespace moru;
using namespace moru::reference;
using Numbers = std::vector<double>;

namespace {

class KernelInterpreterTest : public ProgramTest {
protected:
  KernelInterpreterTest() { context.loadDialect<kernel::KernelDialect>(); }

  /// The contents of all arguments at the end, or the message of the error.
  mlir::FailureOr<llvm::SmallVector<Tensor>> interpretText(const std::string &text,
                                                           const std::vector<Numbers> &inputs) {
    mlir::func::FuncOp f = parse(text);
    llvm::SmallVector<Tensor> tensors;
    for (auto [type, values] : llvm::zip_equal(f.getArgumentTypes(), inputs))
      tensors.push_back(makeTensor(mlir::cast<kernel::BufferType>(type).getTensorType(), values));
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message = diagnostic.str(); });
    return interpret(f, tensors);
  }

  std::string message;
};

const char *kDouble = R"( {
      %0 = graph.add %a, %a : tensor<4xf32>
      kernel.yield %0 : tensor<4xf32>
    }
)";

TEST_F(KernelInterpreterTest, UpdatesInPlace) {
  auto results = interpretText(std::string(R"(
    func.func @f(%x: !kernel.buffer<4xf32>) {
      kernel.compute map "double" reads(%a = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>))") +
                                   kDouble + "return }",
                               {{1, 2, 3, 4}});
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[0].floats, (Numbers{2, 4, 6, 8}));
}

TEST_F(KernelInterpreterTest, ViewsAndStridesAreWindows) {
  // Column 1 of a 4x2 buffer is doubled.
  auto results = interpretText(std::string(R"(
    func.func @f(%x: !kernel.buffer<4x2xf32>) {
      %c = kernel.view %x at 1 : !kernel.buffer<4x2xf32> -> !kernel.buffer<4xf32, strided<[2]>>
      kernel.compute map "double" reads(%a = %c) writes(%c) : (!kernel.buffer<4xf32, strided<[2]>>) -> (!kernel.buffer<4xf32, strided<[2]>>))") +
                                   kDouble + "return }",
                               {{1, 2, 3, 4, 5, 6, 7, 8}});
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[0].floats, (Numbers{1, 4, 3, 8, 5, 12, 7, 16}));
}

TEST_F(KernelInterpreterTest, PanelsHoldTheLogicalTensor) {
  auto results = interpretText(R"(
    func.func @f(%x: !kernel.buffer<2x3xf32>, %y: !kernel.buffer<3x2xf32> {graph.role = "output"}) {
      %p = kernel.alloc : !kernel.buffer<2x3xf32, #kernel.panels<2>>
      kernel.compute map "pack" reads(%a = %x) writes(%p) : (!kernel.buffer<2x3xf32>) -> (!kernel.buffer<2x3xf32, #kernel.panels<2>>) {
        kernel.yield %a : tensor<2x3xf32>
      }
      kernel.compute map "unpack" reads(%a = %p) writes(%y) : (!kernel.buffer<2x3xf32, #kernel.panels<2>>) -> (!kernel.buffer<3x2xf32>) {
        %0 = graph.transpose %a by [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
        kernel.yield %0 : tensor<3x2xf32>
      }
      return
    })",
                               {{1, 2, 3, 4, 5, 6}, Numbers(6)});
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[1].floats, (Numbers{1, 4, 2, 5, 3, 6}));
}

/// x is written to slice 2 - t of the result at step t.
TEST_F(KernelInterpreterTest, SlotsFollowTheStep) {
  auto results = interpretText(R"(
    func.func @f(%x: !kernel.buffer<2xf32>, %y: !kernel.buffer<3x2xf32> {graph.role = "output"}) {
      kernel.loop %t to 3 {
        %s = "kernel.slot"(%y, %t) {scale = -1 : i64, offset = 2 : i64, modulus = 0 : i64, axis = 0 : i64}
            : (!kernel.buffer<3x2xf32>, index) -> !kernel.buffer<2xf32>
        kernel.compute map "double" reads(%a = %x) writes(%s, %x) : (!kernel.buffer<2xf32>) -> (!kernel.buffer<2xf32>, !kernel.buffer<2xf32>) {
          %0 = graph.add %a, %a : tensor<2xf32>
          kernel.yield %a, %0 : tensor<2xf32>, tensor<2xf32>
        }
      }
      return
    })",
                               {{1, 10}, Numbers(6)});
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[1].floats, (Numbers{4, 40, 2, 20, 1, 10}));
}

TEST_F(KernelInterpreterTest, SlotBeyondTheBufferIsAnError) {
  EXPECT_TRUE(mlir::failed(interpretText(R"(
    func.func @f(%x: !kernel.buffer<3x2xf32>) {
      kernel.loop %t to 4 {
        %s = "kernel.slot"(%x, %t) {scale = 1 : i64, offset = 0 : i64, modulus = 0 : i64, axis = 0 : i64}
            : (!kernel.buffer<3x2xf32>, index) -> !kernel.buffer<2xf32>
      }
      return
    })",
                                         {Numbers(6)})));
  EXPECT_NE(message.find("got index 3"), std::string::npos) << message;
}

/// Two buffers that live at the same time; `offset` is where the second one lies.
std::string planned(const std::string &offset, int64_t arena = 256) {
  return R"(
    func.func @f(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32> {graph.role = "output"}) attributes {kernel.arena = )" +
         std::to_string(arena) + R"( : i64} {
      %p = kernel.alloc at 0 : !kernel.buffer<4xf32>
      %q = kernel.alloc at )" +
         offset + R"( : !kernel.buffer<4xf32>
      kernel.compute map "copy" reads(%a = %x) writes(%p) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        kernel.yield %a : tensor<4xf32>
      }
      kernel.compute map "negate" reads(%a = %x) writes(%q) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        %0 = graph.neg %a : tensor<4xf32>
        kernel.yield %0 : tensor<4xf32>
      }
      kernel.compute map "sub" reads(%a = %p, %b = %q) writes(%y) : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        %0 = graph.sub %a, %b : tensor<4xf32>
        kernel.yield %0 : tensor<4xf32>
      }
      return
    })";
}

TEST_F(KernelInterpreterTest, GoodPlanGivesTheResult) {
  auto results = interpretText(planned("64"), {{1, 2, 3, 4}, Numbers(4)});
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[1].floats, (Numbers{2, 4, 6, 8}));
}

TEST_F(KernelInterpreterTest, OverlappingBuffersGiveAnotherResult) {
  auto results = interpretText(planned("0"), {{1, 2, 3, 4}, Numbers(4)});
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[1].floats, (Numbers{0, 0, 0, 0}));
}

TEST_F(KernelInterpreterTest, BufferBeyondTheArenaIsAnError) {
  EXPECT_TRUE(mlir::failed(interpretText(planned("64", 64), {{1, 2, 3, 4}, Numbers(4)})));
  EXPECT_NE(message.find("within the arena of 64 bytes"), std::string::npos) << message;
}

/// Bytes of an i64 written over two floats: neither can be read.
TEST_F(KernelInterpreterTest, OverwrittenEntriesArePoison) {
  EXPECT_TRUE(mlir::failed(interpretText(R"(
    func.func @f(%x: !kernel.buffer<4xf32>, %i: !kernel.buffer<1xi64>, %y: !kernel.buffer<4xf32> {graph.role = "output"}) {
      %p = kernel.alloc at 0 : !kernel.buffer<4xf32>
      %q = kernel.alloc at 0 : !kernel.buffer<1xi64>
      kernel.compute map "copy" reads(%a = %x) writes(%p) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        kernel.yield %a : tensor<4xf32>
      }
      kernel.compute map "copy" reads(%a = %i) writes(%q) : (!kernel.buffer<1xi64>) -> (!kernel.buffer<1xi64>) {
        kernel.yield %a : tensor<1xi64>
      }
      kernel.compute map "late" reads(%a = %p) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
        kernel.yield %a : tensor<4xf32>
      }
      return
    })",
                                         {{1, 2, 3, 4}, {7}, Numbers(4)})));
  EXPECT_NE(message.find("operand 0 of kernel 'late'"), std::string::npos) << message;
  EXPECT_NE(message.find("[0]"), std::string::npos) << message;
}

TEST_F(KernelInterpreterTest, OutputThatIsNeverWrittenIsAnError) {
  EXPECT_TRUE(mlir::failed(
      interpretText("func.func @f(%y: !kernel.buffer<4xf32> {graph.role = \"output\"}) { return }", {Numbers(4)})));
  EXPECT_NE(message.find("never written"), std::string::npos) << message;
}

TEST_F(KernelInterpreterTest, BuffersBetweenLoopStepsAreNewWithoutAPlan) {
  EXPECT_TRUE(mlir::failed(interpretText(R"(
    func.func @f(%y: !kernel.buffer<4xf32>) {
      kernel.loop %t to 2 {
        %p = kernel.alloc : !kernel.buffer<4xf32>
        kernel.compute map "copy" reads(%a = %p) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
          kernel.yield %a : tensor<4xf32>
        }
      }
      return
    })",
                                         {Numbers(4)})));
}

/// The predicate decides which of two kernels runs.
TEST_F(KernelInterpreterTest, CondRunsOneBranch) {
  std::string text = R"(
    func.func @f(%p: !kernel.buffer<i1>, %x: !kernel.buffer<2xf32>) {
      kernel.cond %p : !kernel.buffer<i1> {
        kernel.compute map "double" reads(%a = %x) writes(%x) : (!kernel.buffer<2xf32>) -> (!kernel.buffer<2xf32>) {
          %0 = graph.add %a, %a : tensor<2xf32>
          kernel.yield %0 : tensor<2xf32>
        }
      } else {
        kernel.compute map "negate" reads(%a = %x) writes(%x) : (!kernel.buffer<2xf32>) -> (!kernel.buffer<2xf32>) {
          %0 = graph.neg %a : tensor<2xf32>
          kernel.yield %0 : tensor<2xf32>
        }
      }
      return
    })";
  auto taken = interpretText(text, {{1}, {3, 4}}), other = interpretText(text, {{0}, {3, 4}});
  ASSERT_TRUE(mlir::succeeded(taken) && mlir::succeeded(other));
  EXPECT_EQ((*taken)[1].floats, (Numbers{6, 8}));
  EXPECT_EQ((*other)[1].floats, (Numbers{-3, -4}));
}

/// A plan that lays a kernel's result over its operand.
TEST_F(KernelInterpreterTest, ResultsLieApartFromOtherBuffers) {
  std::string text = R"(
    func.func @f(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32>) attributes {kernel.arena = 128 : i64} {
      %p = kernel.alloc at 0 : !kernel.buffer<4xf32>
      %q = kernel.alloc at OFFSET : !kernel.buffer<4xf32>
      kernel.compute map "first" reads(%a = %x) writes(%p) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>))";
  text += kDouble;
  text +=
      R"(kernel.compute map "second" reads(%a = %p) writes(%q) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>))";
  text += kDouble;
  text +=
      R"(kernel.compute map "third" reads(%a = %q) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>))";
  text += std::string(kDouble) + "return }";
  auto at = [&](const char *offset) {
    std::string placed = text;
    return interpretText(placed.replace(placed.find("OFFSET"), 6, offset), {{1, 2, 3, 4}, {0, 0, 0, 0}});
  };
  auto results = at("64");
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[1].floats, (Numbers{8, 16, 24, 32}));
  EXPECT_TRUE(mlir::failed(at("0")));
  EXPECT_EQ(message, "expected result 0 of kernel 'second' to lie apart from the other buffers that it uses, got one "
                     "that shares bytes with another");
}

/// Doubles until the limit is reached; the number of steps finds the last slot. Zero never reaches it.
TEST_F(KernelInterpreterTest, WhileGoesOnAsLongAsThePredicateHolds) {
  std::string text = R"(
    func.func @f(%x: !kernel.buffer<2xf32>, %limit: !kernel.buffer<f32>, %y: !kernel.buffer<f32>) {
      %p = kernel.alloc : !kernel.buffer<i1>
      %count = kernel.while %p step %t : !kernel.buffer<i1> {
        %now = kernel.slot %x[%t mod 2] axis 0 : !kernel.buffer<2xf32> -> !kernel.buffer<f32>
        kernel.compute map "test" reads(%a = %now, %b = %limit) writes(%p) : (!kernel.buffer<f32>, !kernel.buffer<f32>) -> (!kernel.buffer<i1>) {
          %0 = graph.compare lt %a, %b : tensor<f32> -> tensor<i1>
          kernel.yield %0 : tensor<i1>
        }
      } do step %u {
        %now = kernel.slot %x[%u mod 2] axis 0 : !kernel.buffer<2xf32> -> !kernel.buffer<f32>
        %next = kernel.slot %x[%u + 1 mod 2] axis 0 : !kernel.buffer<2xf32> -> !kernel.buffer<f32>
        kernel.compute map "double" reads(%a = %now) writes(%next) : (!kernel.buffer<f32>) -> (!kernel.buffer<f32>) {
          %0 = graph.add %a, %a : tensor<f32>
          kernel.yield %0 : tensor<f32>
        }
      }
      %last = kernel.slot %x[%count mod 2] axis 0 : !kernel.buffer<2xf32> -> !kernel.buffer<f32>
      kernel.compute map "copy" reads(%a = %last) writes(%y) : (!kernel.buffer<f32>) -> (!kernel.buffer<f32>) {
        kernel.yield %a : tensor<f32>
      }
      return
    })";
  auto results = interpretText(text, {{3, 0}, {20}, {0}}), none = interpretText(text, {{30, 0}, {20}, {0}});
  ASSERT_TRUE(mlir::succeeded(results) && mlir::succeeded(none));
  EXPECT_EQ((*results)[2].floats, (Numbers{24}));
  EXPECT_EQ((*none)[2].floats, (Numbers{30}));
  EXPECT_TRUE(mlir::failed(interpretText(text, {{0, 0}, {20}, {0}})));
  EXPECT_EQ(message, "expected a loop that ends, got one that has not after 100000 steps");
}

} // namespace
