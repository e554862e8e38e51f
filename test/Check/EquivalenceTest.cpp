// Changes that are none are proved to be none, and no others are.

#include "../Reference/Program.h"

#include "moru/Check/Checker.h"
#include "moru/Dialect/Kernel/Kernel.h"

using namespace moru;
using namespace moru::check;

namespace {

class EquivalenceTest : public reference::ProgramTest {
protected:
  EquivalenceTest() { context.loadDialect<kernel::KernelDialect>(); }

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
