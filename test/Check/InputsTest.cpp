// Drawn arguments: integers within what they index, parameters that do not saturate, the same numbers every time.

#include "../Reference/Program.h"

#include "moru/Check/Inputs.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace moru;
using namespace moru::check;

namespace {

using InputsTest = reference::ProgramTest;

const char *kLookup = R"(
  func.func @f(%ids: tensor<200xi32>, %targets: tensor<200xi32>, %table: tensor<7x5xf32> {graph.role = "parameter"},
               %rate: tensor<f32>, %state: tensor<50xf32> {graph.role = "state"}) -> tensor<f32> {
    %r = graph.reshape %ids : tensor<200xi32> -> tensor<200xi32>
    %x = graph.gather %table[%r] : tensor<7x5xf32>, tensor<200xi32> -> tensor<200x5xf32>
    %l = graph.softmax_cross_entropy %x, %targets ignore -1 : tensor<200x5xf32>, tensor<200xi32> -> tensor<f32>
    return %l : tensor<f32>
  })";

TEST_F(InputsTest, IntegersCoverWhatTheyIndex) {
  auto inputs = drawInputs(parse(kLookup), 1);
  auto [low, high] = std::minmax_element(inputs[0].integers.begin(), inputs[0].integers.end());
  EXPECT_EQ(*low, 0);
  EXPECT_EQ(*high, 6);
  EXPECT_EQ(*std::max_element(inputs[1].integers.begin(), inputs[1].integers.end()), 4);
  EXPECT_EQ(std::count(inputs[1].integers.begin(), inputs[1].integers.end(), -1), 40);
}

TEST_F(InputsTest, RolesDecideTheRange) {
  auto inputs = drawInputs(parse(kLookup), 1);
  for (double value : inputs[2].floats)
    EXPECT_LT(std::abs(value), 6.1); // Six deviations of 1.
  EXPECT_GT(inputs[3].floats[0], 0.04);
  for (double value : inputs[4].floats)
    EXPECT_GT(value, 0);
}

TEST_F(InputsTest, SignedNumbersAreOnBothSides) {
  auto inputs = drawInputs(parse(kLookup), 1, InputKind::Signed);
  for (unsigned argument : {2u, 4u}) {
    auto [low, high] = std::minmax_element(inputs[argument].floats.begin(), inputs[argument].floats.end());
    EXPECT_LT(*low, -1);
    EXPECT_GT(*high, 1);
  }
  EXPECT_LT(*std::min_element(inputs[0].integers.begin(), inputs[0].integers.end()), 0);
}

/// A single number, or truth value, has another sign, or is another one, where signed numbers are drawn.
TEST_F(InputsTest, SingleNumbersAreOnBothSides) {
  auto f = parse(R"(
    func.func @f(%x: tensor<f32>, %p: tensor<i1>) -> (tensor<f32>, tensor<i1>) {
      return %x, %p : tensor<f32>, tensor<i1>
    })");
  for (uint64_t seed = 0; seed != 20; ++seed) {
    auto inputs = drawInputs(f, seed), others = drawInputs(f, seed, InputKind::Signed);
    EXPECT_GT(inputs[0].floats[0], 0);
    EXPECT_LT(others[0].floats[0], 0);
    EXPECT_EQ(inputs[1].integers[0] + others[1].integers[0], 1);
  }
}

TEST_F(InputsTest, ASingleTargetIsIgnoredNowAndThen) {
  auto f = parse(R"(
    func.func @f(%x: tensor<5xf32>, %target: tensor<i32>) -> tensor<f32> {
      %l = graph.softmax_cross_entropy %x, %target ignore 9 : tensor<5xf32>, tensor<i32> -> tensor<f32>
      return %l : tensor<f32>
    })");
  auto isIgnored = [&](InputKind kind) { return drawInputs(f, 1, kind)[1].integers[0] == 9; };
  auto kinds = inputKinds().drop_back(); // Lone arguments are enumerated.
  EXPECT_EQ(std::count_if(kinds.begin(), kinds.end(), isIgnored), 1);
}

TEST_F(InputsTest, LoneArgumentsAreEnumerated) {
  auto f = parse(R"(
    func.func @f(%x: tensor<3xf32>, %y: tensor<3xf32>, %id: tensor<i32>) -> tensor<3xi1> {
      %t = graph.gather %x[%id] : tensor<3xf32>, tensor<i32> -> tensor<f32>
      %h = graph.constant dense<0.375> : tensor<3xf32>
      %c = graph.compare le %y, %h : tensor<3xf32> -> tensor<3xi1>
      return %c : tensor<3xi1>
    })");
  std::set<int64_t> ids;
  std::set<size_t> numInfinite;
  bool meetsConstant = false;
  for (int64_t seed = 0, count = countLone(f); seed < count; ++seed) {
    auto inputs = drawInputs(f, seed, InputKind::Lone);
    auto isInfinite = [](double entry) { return std::isinf(entry); };
    auto isNaN = [](double entry) { return std::isnan(entry); };
    auto isAwkward = [&](const reference::Tensor &tensor) {
      return llvm::any_of(tensor.floats, isInfinite) || llvm::any_of(tensor.floats, isNaN);
    };
    EXPECT_FALSE(isAwkward(inputs[0]) && isAwkward(inputs[1]));
    numInfinite.insert(llvm::count_if(inputs[1].floats, isInfinite));
    meetsConstant |= llvm::all_of(inputs[1].floats, [](double entry) { return entry == 0.375; });
    ids.insert(inputs[2].integers[0]);
    EXPECT_EQ(inputs[0].floats == inputs[1].floats, seed + 1 == count);
  }
  for (int64_t id : {-1, 0, 2, 3})
    EXPECT_TRUE(ids.contains(id)) << id;
  EXPECT_EQ(numInfinite, (std::set<size_t>{0, 1, 2, 3}));
  EXPECT_TRUE(meetsConstant);
}

TEST_F(InputsTest, SameSeedSameNumbers) {
  auto f = parse(kLookup);
  EXPECT_EQ(drawInputs(f, 3)[2].floats, drawInputs(f, 3)[2].floats);
  EXPECT_NE(drawInputs(f, 3)[2].floats, drawInputs(f, 4)[2].floats);
}

TEST_F(InputsTest, RangeOfIdsComparedWithAnIndex) {
  auto f = parse(R"(
    func.func @f(%ids: tensor<2xi32>) -> tensor<2x9xi1> {
      %i = graph.iota along 1 : tensor<2x9xi32>
      %b = graph.broadcast %ids along [0] : tensor<2xi32> -> tensor<2x9xi32>
      %c = graph.compare eq %i, %b : tensor<2x9xi32> -> tensor<2x9xi1>
      return %c : tensor<2x9xi1>
    })");
  EXPECT_EQ(getIndexRange(f.getArgument(0)), 9);
}

} // namespace
