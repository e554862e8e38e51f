// The cache of objects: found by what they were made from, and never trusted when damaged.
#include "moru/Compiler/ObjectCache.h"

#include "moru/Support/Files.h"

#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

using namespace moru;

namespace {

class ObjectCacheTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("moru-cache", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  /// The only file of the cache.
  std::string entry() {
    std::error_code error;
    for (llvm::sys::fs::directory_iterator i(folder, error), end; i != end && !error; i.increment(error))
      if (llvm::StringRef(i->path()).contains("llvmcache-"))
        return i->path();
    return "";
  }

  llvm::SmallString<128> folder;
};

TEST_F(ObjectCacheTest, FindsWhatWasStored) {
  ObjectCache cache((folder + "/sub").str());
  EXPECT_EQ(cache.find("0123"), std::nullopt);
  cache.store("0123", "object");
  EXPECT_EQ(cache.find("0123"), "object");
  EXPECT_EQ(cache.find("0124"), std::nullopt);
}

TEST_F(ObjectCacheTest, IgnoresDamagedEntries) {
  ObjectCache cache((folder).str().str());
  cache.store("0123", "object");
  std::string contents = llvm::cantFail(readFile(entry()));
  for (const std::string &damaged :
       {contents.substr(0, contents.size() - 1), contents + "x", std::string(), contents.substr(0, 5)}) {
    llvm::cantFail(writeFile(entry(), damaged));
    EXPECT_EQ(cache.find("0123"), std::nullopt);
  }
}

TEST_F(ObjectCacheTest, KeysDependOnEverything) {
  std::string a = "a module", b = "another module";
  Target v3 = Target::parse("x86-64-v3").take(), v4 = Target::parse("x86-64-v4").take();
  std::string key = ObjectCache::key(a, v3, CodeQuality::Optimized);
  EXPECT_EQ(key, ObjectCache::key(a, v3, CodeQuality::Optimized));
  EXPECT_NE(key, ObjectCache::key(b, v3, CodeQuality::Optimized));
  EXPECT_NE(key, ObjectCache::key(a, v4, CodeQuality::Optimized));
  EXPECT_NE(key, ObjectCache::key(a, v3, CodeQuality::Plain));
}

TEST_F(ObjectCacheTest, AFolderThatCannotBeIsNoCache) {
  llvm::cantFail(writeFile((folder + "/file").str(), ""));
  ObjectCache cache((folder + "/file/sub").str());
  cache.store("0123", "object");
  EXPECT_EQ(cache.find("0123"), std::nullopt);
}

} // namespace
