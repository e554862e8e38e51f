// Targets: what is read from a name and what follows from the features alone.
#include "moru/Compiler/Target.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace moru;

namespace {

TEST(TargetTest, LevelsSetTheVectorWidth) {
  for (auto [name, bits, registers] :
       {std::tuple("x86-64-v2", 128, 16), {"x86-64-v3", 256, 16}, {"x86-64-v4", 512, 32}}) {
    Result<Target> target = Target::parse(name);
    ASSERT_TRUE(target) << target.message();
    EXPECT_EQ(target->name, name);
    EXPECT_EQ(target->vectorBits, bits);
    EXPECT_EQ(target->vectorRegisters, registers);
    EXPECT_EQ(target->lanes(32), bits / 32);
  }
}

TEST(TargetTest, ExtensionsAddFeatures) {
  Result<Target> target = Target::parse("x86-64-v4+amx-tile,amx-bf16");
  ASSERT_TRUE(target) << target.message();
  EXPECT_TRUE(target->has("amx-tile"));
  EXPECT_TRUE(target->has("amx-bf16"));
  EXPECT_FALSE(target->has("amx-int8"));
  EXPECT_NE(target->featureString().find("+amx-bf16,+amx-tile,+avx,+avx2"), std::string::npos)
      << target->featureString();
}

TEST(TargetTest, RejectsUnknownNames) {
  for (const char *text : {"", "haswell", "x86-64", "x86-64-v1", "x86-64-v5", "x86-64-v33", "+avx2"})
    EXPECT_NE(Target::parse(text).message().find("expected a processor of native"), std::string::npos) << text;
  EXPECT_NE(Target::parse("x86-64-v3+sse9").message().find("got 'sse9'"), std::string::npos);
  EXPECT_NE(Target::parse("x86-64-v3+fma,,avx").message().find("got ''"), std::string::npos);
}

TEST(TargetTest, HostRunsItsOwnCode) {
  Target host = Target::host();
  EXPECT_TRUE(host.missingOnHost().empty());
  EXPECT_TRUE(std::is_sorted(host.features.begin(), host.features.end()));
  EXPECT_EQ(host.key(), Target::parse("native")->key());
}

TEST(TargetTest, ReportsWhatTheHostLacks) {
  Target target = Target::host();
  target.features.push_back("no-machine-has-this");
  EXPECT_EQ(target.missingOnHost(), std::vector<std::string>{"no-machine-has-this"});
}

} // namespace
