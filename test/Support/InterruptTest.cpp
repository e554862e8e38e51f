// How a program ends that cannot go on.

#include "moru/Support/Interrupt.h"
#include "../Data/TestUtils.h"
#include "moru/Support/MappedFiles.h"

#include <csignal>
#include <unistd.h>

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class Endings : public FolderTest {
  void SetUp() override {
    FolderTest::SetUp();
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};
} // namespace

/// Larger than what `mapFile` reads.
static constexpr size_t kSize = 1 << 20;

TEST_F(Endings, NameAMappedFileThatWasCutOff) {
  std::string path = put("weights", std::string(kSize, 'x')), other = put("others", std::string(kSize, 'y'));
  auto read = [&] {
    endCleanlyWhenInterrupted();
    auto before = cantFail(mapFile(other)), file = cantFail(mapFile(path)), after = cantFail(mapFile(other));
    if (truncate(path.c_str(), 10) != 0)
      _exit(2);
    volatile char last = file->getBuffer().back();
    _exit(last == 'x' ? 3 : 4);
  };
  EXPECT_EXIT(read(), testing::ExitedWithCode(1),
              "error: cannot read .*weights: it became shorter while it was read; read it again when nobody writes");
}

TEST_F(Endings, BeginNothingAndKeepNothingAfterASignal) {
  auto write = [&] {
    endCleanlyWhenInterrupted();
    cantFail(writeFile(at("file"), [&](raw_ostream &stream) {
      stream << "half";
      kill(getpid(), SIGTERM);
      pause();
      return Error::success();
    }));
    _exit(2);
  };
  EXPECT_EXIT(write(), testing::ExitedWithCode(1), "^error: interrupted by SIGTERM");
  std::error_code ignored;
  EXPECT_EQ(sys::fs::directory_iterator(folder, ignored), sys::fs::directory_iterator());
}

TEST_F(Endings, AreOrdinaryForABusErrorThatNoFileExplains) {
  auto fail = [&] {
    endCleanlyWhenInterrupted();
    raise(SIGBUS);
    _exit(2);
  };
  EXPECT_EXIT(fail(), testing::KilledBySignal(SIGBUS), "");
}

TEST_F(Endings, FindMappedFilesByAddress) {
  std::string path = put("weights", std::string(kSize, 'x')), small = put("small", "x");
  auto file = cantFail(mapFile(path)), read = cantFail(mapFile(small));
  const char *start = file->getBufferStart();
  EXPECT_EQ(mappedFileAt(start), path);
  EXPECT_EQ(mappedFileAt(start + kSize - 1), path);
  EXPECT_EQ(mappedFileAt(start + kSize), "");
  EXPECT_EQ(mappedFileAt(start - 1), "");
  EXPECT_EQ(mappedFileAt(read->getBufferStart()), "");
  file.reset();
  EXPECT_EQ(mappedFileAt(start), "");
}
