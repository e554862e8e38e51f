// Every pass of Moru's declares what it may change.

#include "moru/Check/PassClass.h"
#include "moru/Pipeline/Pipeline.h"

#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace moru;

namespace {

/// The names of all registered passes, as `--list-passes` prints them.
std::vector<std::string> registeredPasses() {
  registerPasses();
  testing::internal::CaptureStdout();
  mlir::printRegisteredPasses();
  llvm::outs().flush();
  std::vector<std::string> names;
  llvm::SmallVector<llvm::StringRef> lines;
  std::string text = testing::internal::GetCapturedStdout();
  llvm::StringRef(text).split(lines, '\n');
  // Passes are indented by two, their options by more.
  for (llvm::StringRef line : lines)
    if (line.starts_with("  --") && !line.starts_with("   "))
      names.push_back(line.drop_front(4).take_until([](char c) { return c == ' '; }).str());
  return names;
}

TEST(PassClassTest, EveryPassHasOne) {
  std::vector<std::string> names = registeredPasses();
  EXPECT_GE(names.size(), 10u);
  for (const std::string &name : names)
    EXPECT_TRUE(check::getPassClass(name)) << "add '" << name << "' to lib/Check/PassClass.cpp";
}

TEST(PassClassTest, NamesAreWords) {
  EXPECT_EQ(check::toString(check::PassClass::Exact), "exact");
  EXPECT_EQ(check::getPassClass("kernel-plan"), check::PassClass::Exact);
  EXPECT_FALSE(check::getPassClass("no-such-pass"));
}

} // namespace
