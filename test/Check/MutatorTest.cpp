// Mutations: each kind finds its sites, keeps the program well-typed, and is known by a name.

#include "../Reference/Program.h"

#include "moru/Check/Mutator.h"
#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"

using namespace moru;
using namespace moru::check;

namespace {

class MutatorTest : public reference::ProgramTest {
protected:
  MutatorTest() {
    context.loadDialect<kernel::KernelDialect, mlir::arith::ArithDialect, mlir::memref::MemRefDialect,
                        mlir::scf::SCFDialect, mlir::vector::VectorDialect>();
  }

  /// Applies every mutation of a kind, each to a copy; all must verify. Returns their number.
  int64_t countValid(mlir::Operation *op, MutationKind kind) {
    int64_t count = findMutations(op, kind).size(), valid = 0;
    for (int64_t number = 0; number < count; ++number) {
      mlir::OwningOpRef<mlir::Operation *> copy(op->clone());
      auto mutations = findMutations(copy.get(), kind);
      mutations[number].apply();
      EXPECT_TRUE(mlir::succeeded(mlir::verify(copy.get()))) << toString(kind).str() << " " << mutations[number].what;
      ++valid;
    }
    return valid;
  }
  int64_t count(const std::string &text, MutationKind kind) {
    parse(text);
    return countValid(*module, kind);
  }
};

const char *kGraph = R"(
  func.func @f(%x: tensor<3x3xf32>, %y: tensor<3x3xf32>, %xs: tensor<3x4x3xf32>) -> (tensor<3x3xf32>, tensor<3xf32>) {
    %one = graph.constant dense<1.0> : tensor<3x3xf32>
    %d = graph.sub %x, %y : tensor<3x3xf32>
    %c = graph.compare lt %x, %y : tensor<3x3xf32> -> tensor<3x3xi1>
    %s = graph.select %c, %d, %one : tensor<3x3xi1>, tensor<3x3xf32>
    %p = graph.contract %s, %y over [1] with [0] : tensor<3x3xf32>, tensor<3x3xf32> -> tensor<3x3xf32>
    %last = graph.scan 4 carry(%h = %p) over(%v = %xs axis 1) : (tensor<3x3xf32>, tensor<3x4x3xf32>) -> (tensor<3x3xf32>) {
      %n = graph.add %h, %v : tensor<3x3xf32>
      graph.yield carry(%n : tensor<3x3xf32>)
    }
    %big = graph.pad %last low [1, 0] high [1, 0] interior [0, 0] : tensor<3x3xf32> -> tensor<5x3xf32>
    %w = graph.slice %big from [1, 0] to [4, 3] by [1, 1] : tensor<5x3xf32> -> tensor<3x3xf32>
    %r = graph.reduce_sum %w over [0] : tensor<3x3xf32> -> tensor<3xf32>
    return %w, %r : tensor<3x3xf32>, tensor<3xf32>
  })";

TEST_F(MutatorTest, GraphSites) {
  EXPECT_EQ(count(kGraph, MutationKind::SwapOperands), 4); // sub, compare, the sides of select, contract.
  EXPECT_GE(count(kGraph, MutationKind::DropOp), 2);
  EXPECT_GE(count(kGraph, MutationKind::ChangeAxis), 4); // contract twice, the reduction, the scan's direction.
  EXPECT_EQ(count(kGraph, MutationKind::MoveBound), 4);  // The pad and the slice, up and down.
  EXPECT_EQ(count(kGraph, MutationKind::PerturbConstant), 1);
  EXPECT_EQ(count(kGraph, MutationKind::DropMask), 2);
  EXPECT_EQ(count(kGraph, MutationKind::LoseAccumulation), 2);
  EXPECT_GE(count(kGraph, MutationKind::StaleBuffer), 1);
}

const char *kKernels = R"(
  func.func @f(%x: !kernel.buffer<8xf32>, %y: !kernel.buffer<8xf32> {graph.role = "output"}) attributes {kernel.arena = 128 : i64} {
    %p = kernel.alloc at 0 : !kernel.buffer<8xf32>
    %q = kernel.alloc at 64 : !kernel.buffer<16xf32>
    %v = kernel.view %q at 4 : !kernel.buffer<16xf32> -> !kernel.buffer<8xf32>
    kernel.loop %t to 2 {
      kernel.compute map "neg" reads(%a = %x) writes(%p) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
        %0 = graph.neg %a : tensor<8xf32>
        kernel.yield %0 : tensor<8xf32>
      }
      kernel.compute map "copy" reads(%a = %p) writes(%v, %y) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>, !kernel.buffer<8xf32>) {
        kernel.yield %a, %a : tensor<8xf32>, tensor<8xf32>
      }
    }
    return
  })";

TEST_F(MutatorTest, KernelSites) {
  EXPECT_GE(count(kKernels, MutationKind::StaleBuffer), 4);
  EXPECT_GE(count(kKernels, MutationKind::MoveBound), 5); // The loop, the view, the buffers' offsets.
  EXPECT_EQ(count(kKernels, MutationKind::SwapOperands), 0);
}

const char *kLoops = R"(
  func.func private @k(%x: memref<64xf32>, %y: memref<64xf32>, %task: index) {
    %zero = arith.constant 0 : index
    %end = arith.constant 64 : index
    %step = arith.constant 16 : index
    %half = arith.constant dense<0.5> : vector<16xf32>
    scf.for %i = %zero to %end step %step {
      %a = vector.load %x[%i] : memref<64xf32>, vector<16xf32>
      %b = vector.load %y[%i] : memref<64xf32>, vector<16xf32>
      %c = vector.fma %a, %half, %b : vector<16xf32>
      %d = arith.subf %c, %a : vector<16xf32>
      vector.store %d, %y[%i] : memref<64xf32>, vector<16xf32>
    }
    return
  })";

TEST_F(MutatorTest, LoopSites) {
  EXPECT_GE(count(kLoops, MutationKind::SwapOperands), 3);
  EXPECT_EQ(count(kLoops, MutationKind::LoseAccumulation), 1); // The accumulator of the fma.
  EXPECT_EQ(count(kLoops, MutationKind::MoveBound), 5);        // Both ends of the loop; two loads and a store.
  EXPECT_EQ(count(kLoops, MutationKind::PerturbConstant), 4);
  EXPECT_EQ(count(kLoops, MutationKind::StaleBuffer), 3);
}

TEST_F(MutatorTest, SitesAreTheSameEveryTime) {
  parse(kGraph);
  auto first = findMutations(*module, MutationKind::ChangeAxis),
       second = findMutations(*module, MutationKind::ChangeAxis);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i)
    EXPECT_EQ(first[i].what, second[i].what);
}

TEST(InjectionTest, NamesAKindAPassAndANumber) {
  auto injection = parseInjection("drop-op@kernel-plan#12");
  ASSERT_TRUE(injection);
  EXPECT_EQ(injection->kind, MutationKind::DropOp);
  EXPECT_EQ(injection->pass, "kernel-plan");
  EXPECT_EQ(injection->number, 12);
  for (const char *bad :
       {"", "drop-op", "drop-op@kernel-plan", "drop-op@#1", "drop-op@p#-1", "drop-op@p#x", "drop@p#1"})
    EXPECT_FALSE(parseInjection(bad)) << bad;
  for (MutationKind kind : mutationKinds())
    EXPECT_EQ(parseMutationKind(toString(kind)), kind);
}

} // namespace
