// Changes that are none are proved to be none, and no others are.

#include "../Reference/Program.h"

#include "moru/Check/Checker.h"
#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace moru;
using namespace moru::check;

namespace {

class EquivalenceTest : public reference::ProgramTest {
protected:
  EquivalenceTest() { context.loadDialect<kernel::KernelDialect, mlir::LLVM::LLVMDialect>(); }

  bool areEquivalent(const std::string &text, const std::string &other) {
    auto first = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    auto second = mlir::parseSourceString<mlir::ModuleOp>(other, &context);
    EXPECT_TRUE(first && second) << text << other;
    return first && second && Checker().areEquivalent(*first, *second);
  }

  /// Of two bodies that define %r, of one type.
  bool computeSame(const std::string &type, const std::string &body, const std::string &other) {
    std::string head = "func.func @f(%x: " + type + ", %y: " + type + ") -> " + type + " {\n",
                tail = "\nreturn %r : " + type + "\n}";
    return areEquivalent(head + body + tail, head + other + tail);
  }
};

const std::string kFloats = "tensor<3xf32>", kIntegers = "tensor<3xi32>";

TEST_F(EquivalenceTest, Order) {
  EXPECT_TRUE(computeSame(kFloats, "%r = graph.add %x, %y : tensor<3xf32>", "%r = graph.add %y, %x : tensor<3xf32>"));
  EXPECT_FALSE(computeSame(kFloats, "%r = graph.sub %x, %y : tensor<3xf32>", "%r = graph.sub %y, %x : tensor<3xf32>"));
}

TEST_F(EquivalenceTest, WhatIsNoNumberCounts) {
  const char *difference = "%r = graph.sub %x, %x : ", *zero = "%r = graph.constant dense<0> : ";
  EXPECT_TRUE(computeSame(kIntegers, difference + kIntegers, zero + kIntegers));
  EXPECT_FALSE(computeSame(kFloats, difference + kFloats, "%r = graph.constant dense<0.0> : " + kFloats));
  EXPECT_FALSE(computeSame(kFloats,
                           "%z = graph.constant dense<0.0> : tensor<3xf32>\n%r = graph.mul %x, %z : tensor<3xf32>",
                           "%r = graph.constant dense<0.0> : tensor<3xf32>"));
}

TEST_F(EquivalenceTest, Ranges) {
  const char *positive = "%e = graph.exp %x : tensor<3xf32>\n", *any = "%e = graph.tanh %x : tensor<3xf32>\n";
  const char *relu = "%r = graph.relu %e : tensor<3xf32>", *same = "%r = graph.barrier %e : tensor<3xf32>";
  EXPECT_TRUE(computeSame(kFloats, std::string(positive) + relu, std::string(positive) + same));
  EXPECT_FALSE(computeSame(kFloats, std::string(any) + relu, std::string(any) + same));
  std::string twice = "%e = graph.relu %x : tensor<3xf32>\n";
  EXPECT_TRUE(computeSame(kFloats, twice + relu, twice + same));
}

TEST_F(EquivalenceTest, RangesOfIntegers) {
  auto clamped = [](const std::string &low, const std::string &high, const std::string &last) {
    return "%l = graph.constant dense<" + low + "> : tensor<3xi32>\n%h = graph.constant dense<" + high +
           "> : tensor<3xi32>\n%a = graph.maximum %x, %l : tensor<3xi32>\n%b = graph.minimum %a, %h : tensor<3xi32>\n"
           "%z = graph.constant dense<0> : tensor<3xi32>\n" +
           last;
  };
  const char *chosen = "%c = graph.compare ge %b, %z : tensor<3xi32> -> tensor<3xi1>\n"
                       "%r = graph.select %c, %b, %y : tensor<3xi1>, tensor<3xi32>";
  const char *same = "%r = graph.barrier %b : tensor<3xi32>";
  EXPECT_TRUE(computeSame(kIntegers, clamped("0", "4", chosen), clamped("0", "4", same)));
  EXPECT_FALSE(computeSame(kIntegers, clamped("-1", "4", chosen), clamped("-1", "4", same)));
  // Sums wrap.
  const char *more =
      "%s = graph.add %b, %h : tensor<3xi32>\n%c = graph.compare ge %s, %z : tensor<3xi32> -> tensor<3xi1>\n"
      "%r = graph.select %c, %b, %y : tensor<3xi1>, tensor<3xi32>";
  EXPECT_FALSE(computeSame(kIntegers, clamped("0", "2147483647", more), clamped("0", "2147483647", same)));
}

TEST_F(EquivalenceTest, Comparisons) {
  auto compare = [](const char *direction, const char *operands) {
    return std::string("%c = graph.compare ") + direction + operands +
           " : tensor<3xf32> -> tensor<3xi1>\n%r = graph.select %c, %x, %y : tensor<3xi1>, tensor<3xf32>";
  };
  EXPECT_TRUE(computeSame(kFloats, compare("lt", " %x, %y"), compare("gt", " %y, %x")));
  EXPECT_TRUE(computeSame(kFloats, compare("eq", " %x, %y"), compare("eq", " %y, %x")));
  EXPECT_TRUE(computeSame(kFloats, compare("lt", " %x, %x"), "%r = graph.barrier %y : tensor<3xf32>"));
  EXPECT_FALSE(computeSame(kFloats, compare("lt", " %x, %y"), compare("le", " %x, %y")));
  EXPECT_FALSE(computeSame(kFloats, compare("le", " %x, %x"), "%r = graph.barrier %x : tensor<3xf32>"));
}

TEST_F(EquivalenceTest, AxesOfOneEntry) {
  auto centered = [](const std::string &shape, const std::string &kept, const std::string &operands) {
    std::string type = "tensor<" + shape + "xf32>";
    return "func.func @f(%x: " + type + ") -> " + type + " {\n%m = graph.reduce_max %x over [1] : " + type +
           " -> tensor<" + kept + "xf32>\n%b = graph.broadcast %m along [0] : tensor<" + kept + "xf32> -> " + type +
           "\n%r = graph.sub " + operands + " : " + type + "\nreturn %r : " + type + "\n}";
  };
  EXPECT_TRUE(areEquivalent(centered("3x1", "3", "%x, %b"), centered("3x1", "3", "%b, %x")));
  EXPECT_FALSE(areEquivalent(centered("3x2", "3", "%x, %b"), centered("3x2", "3", "%b, %x")));
}

TEST_F(EquivalenceTest, Axes) {
  auto contract = [](const char *axis) {
    return std::string("func.func @f(%x: tensor<2x2xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {\n"
                       "%r = graph.contract %x, %y over [") +
           axis + "] with [0] : tensor<2x2xf32>, tensor<2x3xf32> -> tensor<2x3xf32>\nreturn %r : tensor<2x3xf32>\n}";
  };
  EXPECT_TRUE(areEquivalent(contract("1"), contract("1")));
  EXPECT_FALSE(areEquivalent(contract("1"), contract("0")));
}

TEST_F(EquivalenceTest, Loops) {
  auto scan = [](const char *direction, const char *body) {
    return std::string("%r = graph.scan ") + direction +
           " 3 carry(%h = %x) over(%v = %y axis 0) : (tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>) {\n"
           "%b = graph.broadcast %v along [] : tensor<f32> -> tensor<3xf32>\n" +
           body + "graph.yield carry(%n : tensor<3xf32>)\n}";
  };
  const char *steady = "%n = graph.tanh %h : tensor<3xf32>\n", *ordered = "%n = graph.mul %b, %b : tensor<3xf32>\n";
  EXPECT_TRUE(computeSame(kFloats, scan("", steady), scan("reverse", steady)));
  EXPECT_FALSE(computeSame(kFloats, scan("", ordered), scan("reverse", ordered)));
}

/// While the sum of %h is below that of %y; %r is what %h is at the end. `body` computes %a and %b from %h and %z.
std::string loop(const std::string &body) {
  std::string types = "(tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)";
  return "%u:2 = graph.while carry(%h = %x, %z = %y) : " + types +
         " {\n%m = graph.reduce_sum %h over [0] : tensor<3xf32> -> tensor<f32>\n"
         "%n = graph.reduce_sum %y over [0] : tensor<3xf32> -> tensor<f32>\n"
         "%c = graph.compare lt %m, %n : tensor<f32> -> tensor<i1>\ngraph.yield out(%c : tensor<i1>)\n} do(%h, %z) "
         "{\n" +
         body +
         "\ngraph.yield carry(%a, %b : tensor<3xf32>, tensor<3xf32>)\n}\n%r = graph.barrier %u#0 : tensor<3xf32>";
}

TEST_F(EquivalenceTest, LoopsOfUnknownLength) {
  auto apart = [](const std::string &a, const std::string &b) {
    return loop("%a = graph." + a + " : tensor<3xf32>\n%b = graph." + b + " : tensor<3xf32>");
  };
  EXPECT_TRUE(computeSame(kFloats, apart("add %h, %y", "exp %z"), apart("add %y, %h", "exp %z")));
  EXPECT_FALSE(computeSame(kFloats, apart("sub %h, %y", "exp %z"), apart("sub %y, %h", "exp %z")));
  // Of what is carried, only what the result hangs on counts.
  EXPECT_TRUE(computeSame(kFloats, apart("add %h, %y", "exp %z"), apart("add %h, %y", "tanh %z")));
  EXPECT_FALSE(computeSame(kFloats, apart("add %h, %z", "exp %z"), apart("add %h, %z", "tanh %z")));
  EXPECT_FALSE(computeSame(kFloats, apart("add %h, %z", "exp %z"), apart("add %z, %z", "exp %z")));
}

TEST_F(EquivalenceTest, LoopsOfUnknownLengthInLoops) {
  auto nested = [](const std::string &step) {
    return loop(
        "%b = graph.exp %z : tensor<3xf32>\n"
        "%a = graph.while carry(%i = %h) : (tensor<3xf32>) -> (tensor<3xf32>) {\n"
        "%o = graph.reduce_sum %i over [0] : tensor<3xf32> -> tensor<f32>\n"
        "%p = graph.reduce_sum %z over [0] : tensor<3xf32> -> tensor<f32>\n"
        "%d = graph.compare lt %o, %p : tensor<f32> -> tensor<i1>\ngraph.yield out(%d : tensor<i1>)\n} do(%i) {\n"
        "%j = graph.add " +
        step + " : tensor<3xf32>\ngraph.yield carry(%j : tensor<3xf32>)\n}");
  };
  EXPECT_TRUE(computeSame(kFloats, nested("%i, %h"), nested("%h, %i")));
  EXPECT_FALSE(computeSame(kFloats, nested("%i, %h"), nested("%i, %i")));
  EXPECT_FALSE(computeSame(kFloats, nested("%i, %h"), nested("%h, %h")));
}

/// Of four numbers two are read, zeros stand for the others; each of the two and what `from` chooses are added.
std::string lowered(const std::string &mask, const std::string &from, int shift = 31) {
  return "llvm.func @f(%x: !llvm.ptr, %y: !llvm.ptr) {\n%m = llvm.mlir.constant(dense<" + mask +
         "> : vector<4xi1>) : vector<4xi1>\n%z = llvm.mlir.constant(dense<0.0> : vector<4xf32>) : vector<4xf32>\n"
         "%v = llvm.intr.masked.load %x, %m, %z {alignment = 4 : i32} : (!llvm.ptr, vector<4xi1>, vector<4xf32>) -> "
         "vector<4xf32>\n%t = llvm.shufflevector %v, %z " +
         from +
         " : vector<4xf32>\n%s = llvm.fadd %v, %t : vector<4xf32>\n%c0 = llvm.mlir.constant(0 : i64) : i64\n"
         "%c1 = llvm.mlir.constant(1 : i64) : i64\n%a = llvm.extractelement %s[%c0 : i64] : vector<4xf32>\n"
         "%b = llvm.extractelement %s[%c1 : i64] : vector<4xf32>\nllvm.store %a, %y : f32, !llvm.ptr\n"
         "%i = llvm.bitcast %b : f32 to i32\n%n = llvm.mlir.constant(" +
         std::to_string(shift) +
         " : i32) : i32\n%h = llvm.lshr %i, %n : i32\n%p = llvm.getelementptr %y[4] : (!llvm.ptr) -> !llvm.ptr, i8\n"
         "llvm.store %h, %p : i32, !llvm.ptr\nllvm.return\n}";
}

TEST_F(EquivalenceTest, UnreadEntriesOfVectors) {
  std::string mask = "[true, true, false, false]";
  // What is added to what is read is zero, and what is added to the rest is not looked at.
  EXPECT_TRUE(areEquivalent(lowered(mask, "[2, 3, 2, 3]"), lowered(mask, "[3, 4, 0, 1]")));
  EXPECT_FALSE(areEquivalent(lowered(mask, "[2, 3, 2, 3]"), lowered(mask, "[2, 1, 2, 3]")));
  // More is read, or a number is shifted by its whole width.
  EXPECT_FALSE(areEquivalent(lowered(mask, "[4, 4, 4, 4]"), lowered("[true, true, true, false]", "[4, 4, 4, 4]")));
  EXPECT_FALSE(areEquivalent(lowered(mask, "[4, 4, 4, 4]"), lowered(mask, "[4, 4, 4, 4]", 32)));
}

/// A chain of three kernels whose buffers lie at 0, 64 and `offset`.
std::string chain(int offset) {
  std::string text = "func.func @f(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32> {graph.role = \"output\"}) "
                     "attributes {kernel.arena = 256 : i64} {\n";
  const int places[] = {0, 64, offset};
  for (int i = 0; i < 3; ++i)
    text += "%b" + std::to_string(i) + " = kernel.alloc at " + std::to_string(places[i]) + " : !kernel.buffer<4xf32>\n";
  const char *buffers[] = {"%x", "%b0", "%b1", "%b2", "%y"};
  for (int i = 0; i < 4; ++i)
    text += std::string("kernel.compute map \"exp\" reads(%a = ") + buffers[i] + ") writes(" + buffers[i + 1] +
            ") : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {\n%0 = graph.exp %a : tensor<4xf32>\n"
            "kernel.yield %0 : tensor<4xf32>\n}\n";
  return text + "return\n}";
}

TEST_F(EquivalenceTest, PlacesInTheArena) {
  EXPECT_TRUE(areEquivalent(chain(128), chain(192)));
  // Onto what is read no more, and onto what its own kernel reads.
  EXPECT_TRUE(areEquivalent(chain(128), chain(0)));
  EXPECT_FALSE(areEquivalent(chain(128), chain(64)));
}

} // namespace
