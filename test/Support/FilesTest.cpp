// Atomic files and folders: contents, errors that name the path, nothing lost and nothing left behind.

#include "moru/Support/Files.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <csignal>
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;
using namespace moru;

namespace {

class Files : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("moru-files", folder)); }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string at(StringRef name) const { return (folder + "/" + name).str(); }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    std::error_code error;
    for (sys::fs::directory_iterator entry(folder, error), end; entry != end; entry.increment(error))
      result.push_back(sys::path::filename(entry->path()).str());
    std::sort(result.begin(), result.end());
    return result;
  }
  static std::string messageOf(Error error) { return toString(std::move(error)); }

  SmallString<128> folder;
};

} // namespace

TEST_F(Files, ReadsWhatItWrote) {
  std::string contents(100000, 'x');
  contents[5] = '\0';
  ASSERT_FALSE(errorToBool(writeFile(at("a"), contents)));
  EXPECT_EQ(cantFail(readFile(at("a"))), contents);
  EXPECT_EQ(cantFail(mapFile(at("a")))->getBuffer(), contents);
  ASSERT_FALSE(errorToBool(writeFile(at("a"), "short")));
  EXPECT_EQ(cantFail(readFile(at("a"))), "short");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, KeepsTheOldFileWhenTheWriterFails) {
  ASSERT_FALSE(errorToBool(writeFile(at("a"), "old")));
  std::string message = messageOf(writeFile(at("a"), [](raw_ostream &stream) {
    stream << "half";
    return makeError("gave up");
  }));
  EXPECT_EQ(message, "gave up");
  EXPECT_EQ(cantFail(readFile(at("a"))), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, KeepsTheOldFileWhenTheDiskIsFull) {
  ASSERT_FALSE(errorToBool(writeFile(at("a"), "old")));
  // A limit on file sizes fails a write in the middle, as a full disk does.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto *handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message = messageOf(writeFile(at("a"), std::string(100000, 'x')));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(
      message,
      "cannot write " + at("a") +
          ": File too large; raise the limit on the size of files (ulimit -f); what was there before is unchanged");
  EXPECT_EQ(cantFail(readFile(at("a"))), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, NamesThePathAndSaysWhatToDo) {
  EXPECT_EQ(toString(readFile(at("none")).takeError()),
            "cannot read " + at("none") + ": No such file or directory; check the path, or create its folder first");
  EXPECT_EQ(toString(readFile(folder).takeError()),
            ("cannot read " + folder + ": Is a directory; expected a file, got a folder").str());
  EXPECT_EQ(messageOf(writeFile(at("no/file"), "x")),
            "cannot write " + at("no/file") +
                ": No such file or directory; check the path, or create its folder first");
  ASSERT_FALSE(errorToBool(writeFile(at("big"), std::string(100, 'x'))));
  EXPECT_EQ(toString(readFile(at("big"), 99).takeError()),
            "cannot read " + at("big") + ": expected at most 99 bytes, got 100");
}

TEST_F(Files, RefusesWhatItMayNotWrite) {
  ASSERT_FALSE(errorToBool(writeFile(at("a"), "old")));
  ASSERT_FALSE(errorToBool(createFolder(at("closed"))));
  sys::fs::setPermissions(at("a"), sys::fs::all_read);
  sys::fs::setPermissions(at("closed"), sys::fs::all_read | sys::fs::all_exe);
  sys::fs::setPermissions(folder, sys::fs::all_all);
  bool root = geteuid() == 0;
  constexpr uid_t kNobody = 65534; // root may write everything, so it becomes somebody else for a moment
  ASSERT_TRUE(!root || seteuid(kNobody) == 0);
  std::string file = messageOf(writeFile(at("a"), "new")), inFolder = messageOf(writeFile(at("closed/b"), "new"));
  ASSERT_TRUE(!root || seteuid(0) == 0);
  EXPECT_EQ(file,
            "cannot write " + at("a") + ": Permission denied; check the permissions of the file and of its folder");
  EXPECT_EQ(inFolder, "cannot write " + at("closed/b") +
                          ": Permission denied; check the permissions of the file and of its folder");
  EXPECT_EQ(cantFail(readFile(at("a"))), "old");
}

TEST_F(Files, WritesThroughLinksAndToDevices) {
  ASSERT_FALSE(errorToBool(writeFile(at("target"), "old")));
  ASSERT_FALSE(errorToBool(replaceLink(at("link"), "target")));
  ASSERT_FALSE(errorToBool(writeFile(at("link"), "new")));
  EXPECT_TRUE(sys::fs::is_symlink_file(at("link")));
  EXPECT_EQ(cantFail(readFile(at("target"))), "new");
  ASSERT_FALSE(errorToBool(writeFile("/dev/null", "gone")));
  EXPECT_FALSE(sys::fs::is_regular_file("/dev/null"));
}

TEST_F(Files, RemovesLeftoversOfKilledWriters) {
  // Process numbers end far below this one.
  ASSERT_FALSE(errorToBool(writeFile(at(".a.tmp-2147483646-1"), "half")));
  ASSERT_FALSE(errorToBool(writeFile(at("a"), "whole")));
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, StagesFolders) {
  {
    auto staged = StagedFolder::create(at("step-1"));
    ASSERT_TRUE(bool(staged));
    ASSERT_FALSE(errorToBool(writeFile((staged->path() + "/x").str(), "1")));
    EXPECT_FALSE(sys::fs::exists(at("step-1")));
    ASSERT_FALSE(errorToBool(staged->commit()));
  }
  EXPECT_EQ(cantFail(readFile(at("step-1/x"))), "1");
  {
    auto staged = StagedFolder::create(at("step-1/"));
    ASSERT_FALSE(errorToBool(writeFile((staged->path() + "/y").str(), "2")));
    ASSERT_FALSE(errorToBool(staged->commit()));
  }
  EXPECT_FALSE(sys::fs::exists(at("step-1/x")));
  EXPECT_EQ(cantFail(readFile(at("step-1/y"))), "2");
  cantFail(StagedFolder::create(at("step-2"))); // not committed
  EXPECT_EQ(names(), std::vector<std::string>{"step-1"});
}

TEST_F(Files, RemovesFolders) {
  ASSERT_FALSE(errorToBool(createFolder(at("a/b"))));
  ASSERT_FALSE(errorToBool(writeFile(at("a/b/c"), "x")));
  ASSERT_FALSE(errorToBool(removeFolder(at("a/"))));
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(StringRef(messageOf(removeFolder(at("a")))).contains(at("a")));
}

TEST_F(Files, ReplacesLinks) {
  ASSERT_FALSE(errorToBool(replaceLink(at("latest"), "step-1")));
  ASSERT_FALSE(errorToBool(replaceLink(at("latest"), "step-2")));
  char target[64] = {};
  ASSERT_GT(readlink(at("latest").c_str(), target, sizeof target), 0);
  EXPECT_STREQ(target, "step-2");
  EXPECT_EQ(names(), std::vector<std::string>{"latest"});
}
