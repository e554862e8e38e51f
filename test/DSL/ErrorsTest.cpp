// Mistakes of an author: all of them, at their lines, with what was expected and where the operands come from.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

using namespace moru;

namespace {

/// The number of the line of the caller, as it is named in messages.
std::string lineOf(int offset = 0, Here at = Here::current()) { return ":" + std::to_string(at.line() + offset) + ":"; }

/// Traces one function and returns its mistakes.
std::vector<Diagnostic> errorsOf(const std::function<void(Function &)> &body) {
  Program program;
  EXPECT_FALSE(program.function("f", body));
  EXPECT_TRUE(program.functions().empty());
  return program.errors();
}

#define EXPECT_ERROR(diagnostic, line, ...)                                                                            \
  do {                                                                                                                 \
    EXPECT_NE((diagnostic).toString().find("ErrorsTest.cpp" + (line)), std::string::npos) << (diagnostic).toString();  \
    for (const char *text : {__VA_ARGS__})                                                                             \
      EXPECT_NE((diagnostic).message.find(text), std::string::npos) << (diagnostic).message;                           \
  } while (false)

TEST(ErrorsTest, ContractingDimensionsNameTheirOrigin) {
  std::string made, used;
  auto errors = errorsOf([&](Function &f) {
    made = lineOf(1);
    Tensor x = f.input("x", f32({dim("batch", 32), 128}));
    Tensor W = f.input("Wx", f32({256, 1024}));
    used = lineOf(1);
    matmul(x, W);
  });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_ERROR(errors[0], used, "matmul: contracting dimensions differ: x is [batch=32, 128] (from ",
               "Wx is [256, 1024] (from ");
  EXPECT_NE(errors[0].message.find(made.substr(0, made.size() - 1)), std::string::npos);
}

TEST(ErrorsTest, SeveralMistakesAreShownAtOnceAndNotTheirConsequences) {
  std::string first, second;
  auto errors = errorsOf([&](Function &f) {
    Tensor x = f.input("x", f32({2, 3})), ids = f.input("ids", i32({2, 3}));
    first = lineOf(1);
    Tensor bad = x + f.input("y", f32({4}));
    Tensor consequence = tanh(bad) * x;
    second = lineOf(1);
    Tensor mixed = x * ids;
    f.output("out", sum(consequence + mixed));
  });
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_ERROR(errors[0], first, "+: shapes do not broadcast: x is [2, 3]", "y is [4]");
  EXPECT_ERROR(errors[1], second, "*: element types differ", "ids is [2, 3] i32", "convert one of them");
}

TEST(ErrorsTest, ALayerReportsAtItsCaller) {
  struct Model : nn::Module {
    nn::Linear linear{*this, "proj", 8, 4};
  } model;
  std::string line;
  auto errors = errorsOf([&](Function &f) {
    Tensor x = f.input("x", f32({2, 7}));
    line = lineOf(1);
    f.output("y", model.linear(x));
  });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_ERROR(errors[0], line, "matmul: contracting dimensions differ: x is [2, 7]", "proj.weight is [8, 4] (from ",
               "(in lib/DSL/Nn.cpp:");
}

TEST(ErrorsTest, AScanKeepsItsCarry) {
  std::string line;
  auto errors = errorsOf([&](Function &f) {
    Tensor xs = f.input("xs", f32({2, 5, 3}));
    line = lineOf(1);
    scan(Carry{zeros({2, 3})}, xs, 1, [&](Carry s, Tensor x) { return Step{.carry = {concat({s[0], x}, 1)}}; });
  });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_ERROR(errors[0], line, "scan: carried value 0 changes: at first it is [2, 3]", "the body's result is [2, 6]");
}

TEST(ErrorsTest, MistakesInABodyAreFoundEvenIfTheLoopCannotBeBuilt) {
  auto errors = errorsOf([&](Function &f) {
    Tensor xs = f.input("xs", f32({2, 5, 3})), y = f.input("y", f32({7}));
    scan(Carry{zeros({2, 3})}, xs, 4, [&](Carry s, Tensor x) {
      reshape(y, {2});
      return Step{.carry = s};
    });
  });
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_ERROR(errors[0], std::string(":"), "scan: expected an axis within rank 3, got 4: xs is [2, 5, 3]");
  EXPECT_ERROR(errors[1], std::string(":"), "reshape: expected 7 entries, got 2");
}

TEST(ErrorsTest, ATensorOfABodyStaysInIt) {
  Tensor leaked;
  std::string line;
  auto errors = errorsOf([&](Function &f) {
    Tensor xs = f.input("xs", f32({5, 3}));
    scan(Carry{zeros({3})}, xs, 0, [&](Carry s, Tensor x) {
      leaked = s[0] + x;
      return Step{.carry = {leaked}};
    });
    line = lineOf(1);
    f.output("y", leaked);
  });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_ERROR(errors[0], line, "a tensor made inside the body of a scan", "return it from the body");
}

TEST(ErrorsTest, BranchesReturnTheSame) {
  std::string differing, counted, predicate;
  auto errors = errorsOf([&](Function &f) {
    Tensor x = f.input("x", f32({3})), p = sum(x) > 0.f;
    differing = lineOf(1);
    cond(p, [&] { return x; }, [&] { return concat({x, x}, 0); });
    counted = lineOf(1);
    cond(p, [&] { return std::vector<Tensor>{x, x}; }, [&] { return std::vector<Tensor>{x}; });
    predicate = lineOf(1);
    cond(x > 0.f, [&] { return x; }, [&] { return x; });
    f.output("x", x);
  });
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_ERROR(errors[0], differing, "cond: the branches differ in result 0: x is [3]", "the second's is [6]");
  EXPECT_ERROR(errors[1], counted, "cond: the branches return 2 and 1 tensors");
  EXPECT_ERROR(errors[2], predicate, "cond: expected a scalar truth value: the predicate is [3] i1");
}

/// A body's own mistakes are shown beside those of the call, and what it made stays in it.
TEST(ErrorsTest, MistakesInBranchesAreShown) {
  Tensor leaked;
  std::string inner, outer;
  auto errors = errorsOf([&](Function &f) {
    Tensor x = f.input("x", f32({3})), p = sum(x) > 0.f;
    inner = lineOf(1);
    cond(x, [&] { return reshape(x, {7}); }, [&] { return x; });
    cond(p, [&] { return leaked = x + 1.f; }, [&] { return x; });
    outer = lineOf(1);
    Tensor y = leaked * 2.f;
    Tensor z = checkpoint([&] { return leaked = exp(x); });
    f.output("y", z + leaked);
  });
  ASSERT_EQ(errors.size(), 4u);
  EXPECT_ERROR(errors[0], inner, "cond: expected a scalar truth value: x is [3]");
  EXPECT_ERROR(errors[1], inner, "reshape: expected 3 entries, got 7");
  EXPECT_ERROR(errors[2], outer, "made inside a branch of a cond", "return it from both branches");
  EXPECT_ERROR(errors[3], std::string(":"), "made inside a checkpoint", "return it from the body");
}

TEST(ErrorsTest, ALoopKeepsItsCarry) {
  std::string changed, counted, condition;
  auto errors = errorsOf([&](Function &f) {
    Tensor x = f.input("x", f32({3}));
    auto isSmall = [](Carry s) { return sum(s[0]) < 1.f; };
    changed = lineOf(1);
    whileLoop(Carry{x}, isSmall, [](Carry s) { return Carry{s[0] > 0.f}; });
    counted = lineOf(1);
    whileLoop(Carry{x}, isSmall, [](Carry s) { return Carry{s[0], s[0]}; });
    condition = lineOf(1);
    whileLoop(Carry{x}, [](Carry s) { return s[0]; }, [](Carry s) { return s; });
    f.output("x", x);
  });
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_ERROR(errors[0], changed, "whileLoop: carried value 0 changes: x is [3]", "the body's result is [3] i1");
  EXPECT_ERROR(errors[1], counted, "whileLoop: the loop starts with 1 carried values, its body returns 2");
  EXPECT_ERROR(errors[2], condition, "whileLoop: expected a scalar truth value: x is [3]");
}

TEST(ErrorsTest, ATensorOfAnotherFunctionIsRefused) {
  Tensor kept;
  Program program;
  EXPECT_TRUE(program.function("first", [&](Function &f) { f.output("y", kept = f.input("x", f32({2})) + 1); }));
  EXPECT_FALSE(program.function("second", [&](Function &f) { f.output("y", kept * 2); }));
  ASSERT_EQ(program.errors().size(), 1u);
  EXPECT_NE(program.errors()[0].message.find("a tensor of another function is used"), std::string::npos);
  EXPECT_EQ(program.functions(), std::vector<std::string>{"first"});
}

TEST(ErrorsTest, EmptyAndOutsideTensorsAreReported) {
  std::string line = lineOf(1);
  Tensor outside = zeros({3});
  auto errors = errorsOf([&](Function &f) {
    Tensor none;
    f.output("a", none + 1);
    f.output("b", outside + 1);
    f.output("c", outside + 1);
  });
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_ERROR(errors[0], std::string(":"), "no tensor was assigned");
  EXPECT_ERROR(errors[1], line, "no function is being traced");
}

TEST(ErrorsTest, ParametersOfOneNameAreReportedWhereTheyAreMade) {
  nn::Module model;
  Tensor first = model.parameter("W", {2}, init::zeros());
  std::string line = lineOf(1);
  Tensor second = model.parameter("W", {3}, init::zeros());
  auto errors = errorsOf([&](Function &f) { f.output("y", sum(first)); });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_ERROR(errors[0], line, "parameter \"W\": this name is taken (from ");
}

TEST(ErrorsTest, EachOperationSaysWhatItExpects) {
  auto errors = errorsOf([](Function &f) {
    Tensor x = f.input("x", f32({2, 6})), ids = f.input("ids", i32({2})), s = f.input("s", f32({}));
    softmax(x, 2);
    crossEntropy(x, f.input("t", i32({3})));
    crossEntropy(x, x);
    gather(x, s);
    split<4>(x, 1);
    slice(x, 1, 4, 2);
    concat({x, f.input("w", f32({3, 6}))}, 1);
    transpose(x, {0, 0});
    gradient(x, {x});
    gradient(s, {ids});
    where(x, x, x);
    tanh(ids);
    ids + 0.5;
    einsum("ij,jk->iz", x, x);
    sum(x, {1, -1});
    pad(x, {1}, {1});
    squeeze(x, 0);
    broadcastTo(x, {2, 2, 5});
    select(x, 0, 2);
    f.update(x, x);
    f.output("y", s);
    f.output("y", s);
    f.input("x", f32({1}));
  });
  const char *expected[] = {
      "softmax: expected an axis within rank 2, got 2: x is [2, 6]",
      "crossEntropy: expected targets of the logits' shape without the last axis",
      "crossEntropy: expected logits of floating point and targets of integers",
      "gather: expected ids of i32 or i64: s is []",
      "split: axis 1 does not divide into 4 equal parts: x is [2, 6]",
      "slice: expected 0 <= begin <= end <= 6 and step >= 1, got 4 to 2 by 1",
      "concat: expected equal types and sizes but along axis 1: x is [2, 6]",
      "transpose: expected each of the 2 axes once: x is [2, 6]",
      "gradient: expected a loss that is a scalar of floating point: x is [2, 6]",
      "gradient: expected tensors of floating point: ids is [2] i32",
      "where: expected a condition of truth values (i1): x is [2, 6]",
      "tanh: expected floating point: ids is [2] i32",
      "+: expected an integer beside a tensor of i32, got 0.5",
      "einsum: sizes of \"j\" differ",
      "sum: axis -1 is named twice",
      "pad: expected 2 numbers of at least 0 for each side: x is [2, 6]",
      "squeeze: expected axis 0 to have size 1: x is [2, 6]",
      "broadcastTo: does not broadcast to [2, 2, 5]: x is [2, 6]",
      "select: expected an index below 2 along axis 0, got 2: x is [2, 6]",
      "update: expected a parameter or state, got input \"x\"",
      "output: the name \"y\" is taken",
      "input \"x\": this name is taken",
  };
  ASSERT_EQ(errors.size(), std::size(expected));
  for (size_t i = 0; i < errors.size(); ++i)
    EXPECT_EQ(errors[i].message.substr(0, std::string(expected[i]).size()), expected[i]);
}

TEST(ErrorsTest, AFunctionNeedsAResult) {
  auto errors = errorsOf([](Function &f) { f.input("x", f32({2})); });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].message, "function \"f\" has no result: call output or update in its body");
}

} // namespace
