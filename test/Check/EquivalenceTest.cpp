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

/// The softmax of one number is 1 where it is finite, and NaN elsewhere.
TEST_F(EquivalenceTest, NumbersThatAreNaNWhereOthersAreNotFinite) {
  auto share = [](const std::string &last) {
    return "%d = graph.sub %x, %x : tensor<3xf32>\n%e = graph.exp %d : tensor<3xf32>\n"
           "%s = graph.div %e, %e : tensor<3xf32>\n%o = graph.constant dense<1.0> : tensor<3xf32>\n"
           "%a = graph.add %x, %s : tensor<3xf32>\n%r = graph." +
           last + " : tensor<3xf32>";
  };
  EXPECT_TRUE(computeSame(kFloats, share("sub %o, %s"), share("sub %s, %o")));
  EXPECT_TRUE(computeSame(kFloats, share("sub %s, %o"), share("barrier %d")));
  EXPECT_FALSE(computeSame(kFloats, share("sub %s, %o"), share("sub %o, %o")));
  EXPECT_FALSE(computeSame(kFloats, share("barrier %s"), share("barrier %o")));
  // Of infinity it is NaN, too.
  EXPECT_TRUE(computeSame(kFloats, share("mul %a, %s"), share("barrier %a")));
  EXPECT_FALSE(computeSame(kFloats, share("mul %x, %s"), share("barrier %x")));
  EXPECT_FALSE(computeSame(kFloats, share("mul %y, %s"), share("barrier %y")));
  // The larger one of NaN and another is NaN.
  EXPECT_TRUE(computeSame(kFloats, share("maximum %d, %s"), share("barrier %s")));
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

TEST_F(EquivalenceTest, TruthValues) {
  auto chosen = [](const std::string &condition) {
    return "%e = graph.compare eq %x, %y : tensor<3xf32> -> tensor<3xi1>\n"
           "%n = graph.compare ne %x, %y : tensor<3xf32> -> tensor<3xi1>\n"
           "%l = graph.compare lt %x, %y : tensor<3xf32> -> tensor<3xi1>\n"
           "%g = graph.compare ge %x, %y : tensor<3xf32> -> tensor<3xi1>\n" +
           condition + "\n%r = graph.select %c, %x, %y : tensor<3xi1>, tensor<3xf32>";
  };
  auto logic = [&](const std::string &text) { return chosen("%c = graph." + text + " : tensor<3xi1>"); };
  const char *always = "%r = graph.barrier %x : tensor<3xf32>";
  EXPECT_TRUE(computeSame(kFloats, logic("or %e, %n"), always));
  // Of NaN neither is true.
  EXPECT_FALSE(computeSame(kFloats, logic("or %l, %g"), always));
  EXPECT_TRUE(computeSame(kFloats, logic("not %n"), logic("or %e, %e")));
  EXPECT_FALSE(computeSame(kFloats, logic("not %g"), logic("or %l, %l")));
  std::string both = "%b = graph.and %l, %e : tensor<3xi1>\n", last = " : tensor<3xi1>";
  EXPECT_TRUE(computeSame(kFloats, chosen(both + "%c = graph.or %b, %l" + last), logic("or %l, %l")));
  EXPECT_FALSE(computeSame(kFloats, chosen(both + "%c = graph.or %b, %g" + last), logic("or %g, %g")));
  std::string select = "%c = graph.select ", types = " : tensor<3xi1>, tensor<3xi1>";
  EXPECT_TRUE(computeSame(kFloats, chosen(select + "%l, %l, %e" + types), logic("or %e, %l")));
  EXPECT_TRUE(computeSame(kFloats, chosen(select + "%l, %e, %l" + types), logic("and %e, %l")));
  EXPECT_FALSE(computeSame(kFloats, chosen(select + "%l, %e, %g" + types), logic("and %e, %l")));
}

TEST_F(EquivalenceTest, RangesOfNumbersThatAreNotNaN) {
  auto atLeastOne = [](const std::string &number) {
    return "%o = graph.constant dense<1.0> : tensor<3xf32>\n%z = graph.constant dense<0.0> : tensor<3xf32>\n"
           "%c = graph.compare lt %x, %y : tensor<3xf32> -> tensor<3xi1>\n%n = graph." +
           number + "\n%r = graph.maximum %n, %o : tensor<3xf32>";
  };
  const char *one = "%r = graph.constant dense<1.0> : tensor<3xf32>";
  EXPECT_TRUE(computeSame(kFloats, atLeastOne("select %c, %o, %z : tensor<3xi1>, tensor<3xf32>"), one));
  EXPECT_TRUE(computeSame(kFloats, atLeastOne("convert %c : tensor<3xi1> -> tensor<3xf32>"), one));
  EXPECT_FALSE(computeSame(kFloats, atLeastOne("tanh %x : tensor<3xf32>"), one));
  EXPECT_FALSE(computeSame(kFloats, atLeastOne("select %c, %o, %y : tensor<3xi1>, tensor<3xf32>"), one));
}

/// Of exp(x)² ≥ 0 the signs of functions are known, and of x they are not.
TEST_F(EquivalenceTest, SignsOfFunctions) {
  for (std::string function : {"tanh", "erf", "log1p"}) {
    auto relu = [&](const std::string &operand, const std::string &last) {
      return "%e = graph.exp %x : tensor<3xf32>\n%f = graph." + function + " " + operand +
             " : tensor<3xf32>\n%r = " + last + " %f : tensor<3xf32>";
    };
    EXPECT_TRUE(computeSame(kFloats, relu("%e", "graph.relu"), relu("%e", "graph.barrier"))) << function;
    EXPECT_FALSE(computeSame(kFloats, relu("%x", "graph.relu"), relu("%x", "graph.barrier"))) << function;
  }
}

/// A sum may be rounded to what it is compared with, and go beyond the largest number.
TEST_F(EquivalenceTest, RangesAreRounded) {
  auto compared = [](const std::string &numbers, const std::string &limit) {
    return "%s = graph.sigmoid %x : tensor<3xf32>\n" + numbers + "%l = graph.constant dense<" + limit +
           "> : tensor<3xf32>\n%c = graph.compare ge %n, %l : tensor<3xf32> -> tensor<3xi1>\n"
           "%r = graph.select %c, %x, %y : tensor<3xi1>, tensor<3xf32>";
  };
  const char *more = "%a = graph.constant dense<0.1> : tensor<3xf32>\n%n = graph.add %s, %a : tensor<3xf32>\n";
  const char *never = "%r = graph.barrier %y : tensor<3xf32>";
  EXPECT_TRUE(computeSame(kFloats, compared(more, "1.5"), never));
  EXPECT_FALSE(computeSame(kFloats, compared(more, "1.10000002"), never));
  const char *power = "%a = graph.constant dense<100.0> : tensor<3xf32>\n%m = graph.mul %s, %a : tensor<3xf32>\n"
                      "%n = graph.exp %m : tensor<3xf32>\n";
  EXPECT_FALSE(computeSame(kFloats, compared(power, "0x7F800000"), never));
}

TEST_F(EquivalenceTest, SumsOfChoices) {
  auto sum = [](const std::string &condition, const std::string &other) {
    return "%c = graph.compare lt %x, %y : tensor<3xf32> -> tensor<3xi1>\n"
           "%d = graph.compare lt %y, %x : tensor<3xf32> -> tensor<3xi1>\n"
           "%z = graph.constant dense<0.0> : tensor<3xf32>\n"
           "%a = graph.select " +
           condition + " : tensor<3xi1>, tensor<3xf32>\n%b = graph.select " + other +
           " : tensor<3xi1>, tensor<3xf32>\n%r = graph.add %a, %b : tensor<3xf32>";
  };
  EXPECT_TRUE(computeSame(kFloats, sum("%c, %x, %z", "%c, %z, %y"), sum("%c, %z, %z", "%c, %x, %y")));
  EXPECT_FALSE(computeSame(kFloats, sum("%c, %x, %z", "%d, %z, %y"), sum("%c, %z, %z", "%d, %x, %y")));
}

TEST_F(EquivalenceTest, OrderOfIntegers) {
  auto numbers = [](const std::string &body) {
    return "%two = graph.constant dense<2> : tensor<3xi32>\n%three = graph.constant dense<3> : tensor<3xi32>\n"
           "%z = graph.constant dense<0> : tensor<3xi32>\n" +
           body;
  };
  auto nested = [&](const std::string &inner, const std::string &outer) {
    return numbers("%a = graph." + inner + " %x, %three : tensor<3xi32>\n%r = graph." + outer +
                   " %a, %two : tensor<3xi32>");
  };
  std::string least = numbers("%r = graph.minimum %x, %two : tensor<3xi32>");
  EXPECT_TRUE(computeSame(kIntegers, nested("minimum", "minimum"), least));
  EXPECT_FALSE(computeSame(kIntegers, nested("maximum", "minimum"), least));
  auto compared = [&](const std::string &number, const std::string &comparison) {
    return numbers("%a = graph." + number + " : tensor<3xi32>\n%c = graph.compare " + comparison +
                   " : tensor<3xi32> -> tensor<3xi1>\n%r = graph.select %c, %x, %y : tensor<3xi1>, tensor<3xi32>");
  };
  std::string same = "barrier %x", smaller = "minimum %x, %two";
  EXPECT_TRUE(computeSame(kIntegers, compared(same, "le %a, %two"), compared(same, "lt %a, %three")));
  EXPECT_FALSE(computeSame(kIntegers, compared(same, "le %a, %two"), compared(same, "lt %a, %two")));
  EXPECT_TRUE(computeSame(kIntegers, compared(smaller, "gt %a, %z"), compared(same, "gt %a, %z")));
  EXPECT_FALSE(computeSame(kIntegers, compared("maximum %x, %two", "gt %a, %z"), compared(same, "gt %a, %z")));
}

/// The third row of a table of three is chosen where `mask` says so, else none.
TEST_F(EquivalenceTest, IdsBeyondTables) {
  auto gather = [](const std::string &comparison, const std::string &other) {
    std::string head = "func.func @f(%t: tensor<3xf32>, %i: tensor<4xi32>) -> tensor<4xf32> {\n"
                       "%z = graph.constant dense<0> : tensor<4xi32>\n%n = graph.constant dense<" +
                       other + "> : tensor<4xi32>\n%c = graph.compare " + comparison;
    return head + " : tensor<4xi32> -> tensor<4xi1>\n"
                  "%m = graph.select %c, %i, %n : tensor<4xi1>, tensor<4xi32>\n"
                  "%r = graph.gather %t[%m] : tensor<3xf32>, tensor<4xi32> -> tensor<4xf32>\n"
                  "return %r : tensor<4xf32>\n}";
  };
  std::string plain = gather("eq %z, %z", "-1");
  EXPECT_TRUE(areEquivalent(gather("ge %i, %z", "-1"), plain));
  EXPECT_TRUE(areEquivalent(gather("lt %i, %n", "3"), plain));
  EXPECT_FALSE(areEquivalent(gather("lt %i, %n", "2"), plain));
  EXPECT_FALSE(areEquivalent(gather("gt %i, %z", "-1"), plain));
}

TEST_F(EquivalenceTest, EqualEntries) {
  auto place = [](const std::string &axis, const std::string &op) {
    return "func.func @f(%x: tensor<3xf32>) -> tensor<3xi32> {\n%b = graph.broadcast %x along [" + axis +
           "] : tensor<3xf32> -> tensor<3x3xf32>\n%r = " + op + "\nreturn %r : tensor<3xi32>\n}";
  };
  std::string largest = "graph.argmax %b over 1 : tensor<3x3xf32> -> tensor<3xi32>",
              first = "graph.constant dense<0> : tensor<3xi32>";
  EXPECT_TRUE(areEquivalent(place("0", largest), place("0", first)));
  EXPECT_FALSE(areEquivalent(place("1", largest), place("1", first)));
  auto ranks = [](const std::string &axis, const std::string &last) {
    return "func.func @f(%x: tensor<3xf32>) -> tensor<3x2xi32> {\n%b = graph.broadcast %x along [" + axis +
           "] : tensor<3xf32> -> tensor<3x3xf32>\n"
           "%v, %i = graph.top_k 2 of %b : tensor<3x3xf32> -> tensor<3x2xf32>, tensor<3x2xi32>\n%r = " +
           last + "\nreturn %r : tensor<3x2xi32>\n}";
  };
  std::string chosen = "graph.barrier %i : tensor<3x2xi32>", order = "graph.iota along 1 : tensor<3x2xi32>";
  EXPECT_TRUE(areEquivalent(ranks("0", chosen), ranks("0", order)));
  EXPECT_FALSE(areEquivalent(ranks("1", chosen), ranks("1", order)));
}

/// While %i, which begins with the entry of %x or what `begin` makes of it, is above zero, one is taken from it. %r is
/// made of what is left and of %h, which `body` makes in each step of %h, %y and %i.
std::string countDown(const std::string &begin, const std::string &body, const std::string &step = "%i, %one") {
  std::string types = "(tensor<i32>, tensor<i32>) -> (tensor<i32>, tensor<i32>)";
  return "%two = graph.constant dense<2> : tensor<i32>\n%b = graph." + begin +
         " : tensor<i32>\n%u:2 = graph.while carry(%i = %b, %h = %x) : " + types +
         " {\n%z = graph.constant dense<0> : tensor<i32>\n%c = graph.compare gt %i, %z : tensor<i32> -> tensor<i1>\n"
         "graph.yield out(%c : tensor<i1>)\n} do(%i, %h) {\n%one = graph.constant dense<1> : tensor<i32>\n"
         "%j = graph.sub " +
         step + " : tensor<i32>\n%k = graph." + body +
         " : tensor<i32>\ngraph.yield carry(%j, %k : tensor<i32>, tensor<i32>)\n}\n"
         "%r = graph.sub %u#0, %u#1 : tensor<i32>";
}

TEST_F(EquivalenceTest, CountingLoops) {
  const char *type = "tensor<i32>", *all = "barrier %x", *few = "minimum %x, %two";
  // What each step makes anew does not hang on how many there are.
  EXPECT_TRUE(computeSame(type, countDown(all, "barrier %y"), countDown(few, "barrier %y")));
  EXPECT_FALSE(computeSame(type, countDown(all, "add %h, %y"), countDown(few, "add %h, %y")));
  EXPECT_FALSE(computeSame(type, countDown(all, "mul %i, %y"), countDown(few, "mul %i, %y")));
  EXPECT_FALSE(computeSame(type, countDown(all, "barrier %y"), countDown("maximum %x, %two", "barrier %y")));
  EXPECT_FALSE(computeSame(type, countDown(all, "barrier %y", "%i, %two"), countDown(few, "barrier %y", "%i, %two")));
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

/// A number, read by `load` as %v (f32), is added to itself and rounded to bf16; of NaN, `kept` stays.
std::string rounded(const std::string &load, const std::string &kept, const std::string &addend = "32767") {
  return "llvm.func @f(%x: !llvm.ptr, %y: !llvm.ptr) {\n%h = llvm.mlir.constant(16 : i32) : i32\n"
         "%q = llvm.mlir.constant(64 : i32) : i32\n%o = llvm.mlir.constant(1 : i32) : i32\n"
         "%m = llvm.mlir.constant(" +
         addend + " : i32) : i32\n" + load +
         "\n%w = llvm.fadd %v, %v : f32\n%b = llvm.bitcast %w : f32 to i32\n%u = llvm.lshr %b, %h : i32\n"
         "%l = llvm.and %u, %o : i32\n%a = llvm.add %l, %m : i32\n%s = llvm.add %b, %a : i32\n"
         "%r = llvm.lshr %s, %h : i32\n%n = llvm.fcmp \"uno\" %w, %w : f32\n%t = llvm.or %u, %q : i32\n"
         "%k = llvm.select %n, " +
         kept + ", %r : i1, i32\n%i = llvm.trunc %k : i32 to i16\nllvm.store %i, %y : i16, !llvm.ptr\nllvm.return\n}";
}

TEST_F(EquivalenceTest, RoundingOfNaN) {
  std::string wide = "%v = llvm.load %x : !llvm.ptr -> f32",
              narrow = "%g = llvm.load %x : !llvm.ptr -> i16\n%z = llvm.zext %g : i16 to i32\n"
                       "%j = llvm.shl %z, %h : i32\n%v = llvm.bitcast %j : i32 to f32";
  EXPECT_TRUE(areEquivalent(rounded(narrow, "%t"), rounded(narrow, "%u")));
  EXPECT_TRUE(areEquivalent(rounded(narrow, "%t"), rounded(narrow, "%r")));
  EXPECT_FALSE(areEquivalent(rounded(narrow, "%t"), rounded(narrow, "%q")));
  EXPECT_FALSE(areEquivalent(rounded(narrow, "%t"), rounded(narrow, "%t", "32766")));
  // All of whose digits are ones, it would be rounded up to a zero.
  EXPECT_FALSE(areEquivalent(rounded(wide, "%t"), rounded(wide, "%r")));
  EXPECT_FALSE(areEquivalent(rounded(wide, "%t"), rounded(wide, "%u")));
}

/// A chain of kernels whose buffers lie at 0, `second` and `offset`.
std::string chain(int offset, int second = 64) {
  std::string text = "func.func @f(%x: !kernel.buffer<4xf32>, %y: !kernel.buffer<4xf32> {graph.role = \"output\"}) "
                     "attributes {kernel.arena = 256 : i64} {\n";
  const int places[] = {0, second, offset};
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
  // That one kernel does so says nothing about the next one of the same name.
  EXPECT_TRUE(areEquivalent(chain(128, 0), chain(192, 0)));
  EXPECT_FALSE(areEquivalent(chain(128, 0), chain(0, 0)));
}

/// While the number in %n is above zero, `step` is taken from it; ahead of it %b is filled with `filling`, behind it
/// `last` makes %y of %c and %b.
std::string loopOfKernels(const std::string &filling, const std::string &step, const std::string &last) {
  std::string number = "!kernel.buffer<i32>", numbers = "!kernel.buffer<4xf32>";
  return "func.func @f(%n: " + number + ", %x: " + numbers + ", %y: " + numbers +
         " {graph.role = \"output\"}, %z: " + number +
         " {graph.role = \"output\"}) {\n%s = kernel.alloc : !kernel.buffer<2xi32>\n"
         "%p = kernel.alloc : !kernel.buffer<i1>\n%b = kernel.alloc : " +
         numbers + "\nkernel.compute map \"fill\" reads() writes(%b) : () -> (" + numbers +
         ") {\n%0 = graph.constant dense<" + filling +
         "> : tensor<4xf32>\nkernel.yield %0 : tensor<4xf32>\n}\n"
         "%s0 = kernel.view %s at 0 : <2xi32> -> <i32>\n"
         "kernel.compute map \"copy\" reads(%a = %n) writes(%s0) : (" +
         number + ") -> (" + number +
         ") {\nkernel.yield %a : tensor<i32>\n}\n"
         "%e = kernel.while %p step %t : !kernel.buffer<i1> {\n"
         "%from = kernel.slot %s[%t mod 2] axis 0 : <2xi32> -> <i32>\n"
         "kernel.compute map \"compare\" reads(%a = %from) writes(%p) : (" +
         number +
         ") -> (!kernel.buffer<i1>) {\n%0 = graph.constant dense<0> : tensor<i32>\n"
         "%1 = graph.compare gt %a, %0 : tensor<i32> -> tensor<i1>\nkernel.yield %1 : tensor<i1>\n}\n"
         "} do step %t {\n%from = kernel.slot %s[%t mod 2] axis 0 : <2xi32> -> <i32>\n"
         "%to = kernel.slot %s[%t + 1 mod 2] axis 0 : <2xi32> -> <i32>\n"
         "kernel.compute map \"sub\" reads(%a = %from) writes(%to) : (" +
         number + ") -> (" + number + ") {\n%0 = graph.constant dense<" + step +
         "> : tensor<i32>\n%1 = graph.sub %a, %0 : tensor<i32>\nkernel.yield %1 : tensor<i32>\n}\n}\n"
         "%end = kernel.slot %s[%e mod 2] axis 0 : <2xi32> -> <i32>\n"
         "kernel.compute map \"copy\" reads(%a = %end) writes(%z) : (" +
         number + ") -> (" + number +
         ") {\nkernel.yield %a : tensor<i32>\n}\n"
         "kernel.compute map \"last\" reads(%c = %x, %d = %b) writes(%y) : (" +
         numbers + ", " + numbers + ") -> (" + numbers + ") {\n%0 = graph." + last +
         " : tensor<4xf32>\nkernel.yield %0 : tensor<4xf32>\n}\nreturn\n}";
}

TEST_F(EquivalenceTest, KernelsBesideLoopsOfUnknownLength) {
  std::string product = loopOfKernels("1.0", "1", "mul %c, %d");
  EXPECT_TRUE(areEquivalent(product, loopOfKernels("1.0", "1", "barrier %c")));
  EXPECT_FALSE(areEquivalent(product, loopOfKernels("2.0", "1", "mul %c, %d")));
  EXPECT_FALSE(areEquivalent(product, loopOfKernels("1.0", "2", "mul %c, %d")));
  EXPECT_FALSE(areEquivalent(loopOfKernels("2.0", "1", "mul %c, %d"), loopOfKernels("2.0", "1", "barrier %c")));
}

/// Buffers that are filled within a loop of unknown length are beyond what is followed; the kernels are compared alone.
TEST_F(EquivalenceTest, KernelsAlone) {
  auto inLoop = [](const std::string &body) {
    return "func.func @f(%p: !kernel.buffer<i1>, %x: !kernel.buffer<4xf32>, %z: !kernel.buffer<4xf32>, "
           "%y: !kernel.buffer<4xf32> {graph.role = \"output\"}) {\n"
           "%e = kernel.while %p step %t : !kernel.buffer<i1> {\n"
           "kernel.compute map \"not\" reads(%a = %p) writes(%p) : (!kernel.buffer<i1>) -> (!kernel.buffer<i1>) {\n"
           "%0 = graph.not %a : tensor<i1>\nkernel.yield %0 : tensor<i1>\n}\n} do step %t {\n"
           "kernel.compute map \"k\" reads(%a = %x, %b = %z) writes(%y) : (!kernel.buffer<4xf32>, "
           "!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {\n%0 = graph." +
           body + " : tensor<4xf32>\nkernel.yield %0 : tensor<4xf32>\n}\n}\nreturn\n}";
  };
  EXPECT_TRUE(areEquivalent(inLoop("add %a, %b"), inLoop("add %b, %a")));
  EXPECT_FALSE(areEquivalent(inLoop("sub %a, %b"), inLoop("sub %b, %a")));
}

} // namespace
