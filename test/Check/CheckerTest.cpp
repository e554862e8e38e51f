// The checker, told that a pass has replaced one program by another.

#include "../Reference/Program.h"

#include "moru/Check/Checker.h"

using namespace moru;
using namespace moru::check;

namespace {

class CheckerTest : public reference::ProgramTest {
protected:
  /// Whether `after` is accepted as what `pass` makes of `before`; `message` is the error otherwise.
  bool accepts(const std::string &pass, const std::string &before, const std::string &after) {
    Checker checker;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
        message = diagnostic.str();
    });
    parse(before);
    EXPECT_TRUE(mlir::succeeded(checker.begin(*module)));
    parse(after);
    return mlir::succeeded(checker.check(pass, *module));
  }

  static std::string sum(const std::string &first, const std::string &second, const std::string &extra = "") {
    return "func.func @f(%a: tensor<50xf32>, %b: tensor<50xf32>, %c: tensor<50xf32>) -> tensor<50xf32> {\n" + extra +
           "  %0 = graph.add " + first + " : tensor<50xf32>\n  %1 = graph.add " + second +
           " : tensor<50xf32>\n  return %1 : tensor<50xf32>\n}";
  }

  std::string message;
};

TEST_F(CheckerTest, TheSameProgramIsAccepted) {
  EXPECT_TRUE(accepts("cse", sum("%a, %b", "%0, %c"), sum("%a, %b", "%0, %c"))) << message;
}

/// Sums of exponentials round in f64 too (those of f32 numbers would not).
TEST_F(CheckerTest, AnotherOrderNeedsTheRightClass) {
  std::string exponentials;
  for (std::string name : {"a", "b", "c"})
    exponentials += "  %e" + name + " = graph.exp %" + name + " : tensor<50xf32>\n";
  std::string before = sum("%ea, %eb", "%0, %ec", exponentials), after = sum("%eb, %ec", "%ea, %0", exponentials);
  EXPECT_TRUE(accepts("graph-simplify-algebra", before, after)) << message;
  EXPECT_FALSE(accepts("cse", before, after));
  EXPECT_NE(message.find("pass 'cse' (exact) has changed result 'result0' of 'f'"), std::string::npos) << message;
}

/// 1e-9 is far below what f32 resolves, and far above what another order may change in f64.
TEST_F(CheckerTest, SmallMistakesAreFound) {
  std::string tiny = "  %t = graph.constant dense<1.0e-9> : tensor<50xf32>\n  %x = graph.add %a, %t : tensor<50xf32>\n";
  EXPECT_FALSE(accepts("graph-simplify-algebra", sum("%a, %b", "%0, %c"), sum("%x, %b", "%0, %c", tiny)));
  EXPECT_NE(message.find("(reassociates) has changed result"), std::string::npos) << message;
}

/// Nothing can be said about 0/0; about what it takes the place of there can.
TEST_F(CheckerTest, WhatIsDecidedStaysSo) {
  auto shares = [](const std::string &of) {
    return "func.func @f(%a: tensor<5xf32>) -> tensor<5xf32> {\n  %d = graph.sub %a, %a : tensor<5xf32>\n"
           "  %e = graph.exp %d : tensor<5xf32>\n  %q = graph.div " +
           of + " : tensor<5xf32>\n  return %q : tensor<5xf32>\n}";
  };
  EXPECT_TRUE(accepts("graph-simplify-algebra", shares("%e, %e"), shares("%e, %e"))) << message;
  EXPECT_FALSE(accepts("graph-simplify-algebra", shares("%e, %e"), shares("%d, %d")));
}

TEST_F(CheckerTest, LostArgumentsAndResultsAreFound) {
  std::string two =
      "func.func @f(%a: tensor<2xf32>) -> (tensor<2xf32> {graph.name = \"y\"}) { return %a : tensor<2xf32> }";
  std::string renamed =
      "func.func @f(%a: tensor<2xf32>) -> (tensor<2xf32> {graph.name = \"z\"}) { return %a : tensor<2xf32> }";
  EXPECT_FALSE(accepts("cse", two, renamed));
  EXPECT_NE(message.find("has lost result 'y'"), std::string::npos) << message;
  EXPECT_FALSE(accepts("cse", two,
                       "func.func @f(%a: tensor<2xf32> {graph.name = \"x\"}) -> (tensor<2xf32> {graph.name = \"y\"}) { "
                       "return %a : tensor<2xf32> }"));
}

TEST_F(CheckerTest, UnknownPassesOfOursAreErrors) {
  EXPECT_FALSE(accepts("graph-do-something", sum("%a, %b", "%0, %c"), sum("%a, %b", "%0, %c")));
  EXPECT_NE(message.find("expected pass 'graph-do-something' to declare its class"), std::string::npos) << message;
}

/// The error stands at the operation with right operands and a wrong result.
TEST_F(CheckerTest, TheErrorStandsAtTheWrongOperation) {
  std::string before = R"(func.func @f(%a: tensor<3xf32>) -> tensor<3xf32> {
    %0 = graph.tanh %a : tensor<3xf32>
    %1 = graph.neg %0 : tensor<3xf32>
    %2 = graph.exp %1 : tensor<3xf32>
    return %2 : tensor<3xf32>
  })";
  std::string after = before;
  after.replace(after.find("neg"), 3, "abs");
  Checker checker;
  unsigned line = 0;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (auto place = mlir::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation()))
      line = place.getLine();
  });
  parse(before);
  EXPECT_TRUE(mlir::succeeded(checker.begin(*module)));
  parse(after);
  Tally tally;
  EXPECT_TRUE(mlir::failed(checker.probe("cse", *module, tally)));
  EXPECT_GT(tally.inexact, 0);
  EXPECT_EQ(checker.tally().entries, 0);
  EXPECT_EQ(line, 3u);
  // A probe is forgotten.
  parse(before);
  EXPECT_TRUE(mlir::succeeded(checker.check("cse", *module)));
}

} // namespace
