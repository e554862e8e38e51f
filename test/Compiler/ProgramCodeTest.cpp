// Programs as bytes: nothing is lost, and nothing that is damaged is taken.

#include "moru/Compiler/ProgramCode.h"

#include "gtest/gtest.h"

using namespace moru;

namespace {

ProgramCode example() {
  FunctionSignature step;
  step.name = "step";
  step.arguments = {{"x", Role::Input, ElementType::BF16, {3, 4}, {"len", ""}, 2},
                    {"w", Role::Parameter, ElementType::F32, {}}};
  step.results = {{"y", ElementType::I32, {5}, -1, {}}, {"w", ElementType::F32, {}, 1, {"len"}}};
  step.arenaBytes = 640;
  return {{{step}}, {{"contract_1", {1, 2, 3, 4, 5}}}, {std::string("\0ELF", 4), ""}};
}

TEST(ProgramCodeTest, KeepsEverything) {
  std::optional<ProgramCode> read = ProgramCode::fromBytes(example().toBytes());
  ASSERT_TRUE(read);
  ASSERT_EQ(read->signature.functions.size(), 1u);
  EXPECT_EQ(read->signature.toJson(), example().signature.toJson());
  const FunctionSignature &step = read->signature.functions[0];
  EXPECT_EQ(step.arguments[0].minimum, 2);
  EXPECT_EQ(step.results[0].donated, -1);
  EXPECT_EQ(step.results[1].lengths, std::vector<std::string>{"len"});
  ASSERT_EQ(read->kernels.size(), 1u);
  EXPECT_EQ(read->kernels[0].name, "contract_1");
  EXPECT_EQ(read->kernels[0].cost.residentBytes, 5);
  EXPECT_EQ(read->objects, example().objects);
}

TEST(ProgramCodeTest, TakesNoPartAndNothingMore) {
  std::string bytes = example().toBytes();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(ProgramCode::fromBytes(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_FALSE(ProgramCode::fromBytes(bytes + "x"));
  // A length beyond all that there is.
  EXPECT_FALSE(ProgramCode::fromBytes(std::string(8, '\xff') + bytes));
}

} // namespace
