// Lines that survive a killed run.

#include "moru/Train/Metrics.h"
#include "TrainTestUtils.h"

using namespace moru;

namespace {

class MetricsTest : public moru::test::TrainTest {
protected:
  /// The contents after opening at `step` and adding a line of the next one.
  std::string reopen(llvm::StringRef contents, int64_t step) {
    std::string path = put("metrics.jsonl", contents);
    MetricsFile file = llvm::cantFail(MetricsFile::open(path, step));
    file.add(llvm::json::Object{{"step", step + 1}});
    llvm::cantFail(file.flush());
    return llvm::cantFail(readFile(path));
  }
};

const char *const kLines = "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"valid\":3}\n{\"step\":3}\n";

TEST_F(MetricsTest, CutsOffWhatCameAfterTheCheckpoint) {
  EXPECT_EQ(reopen(kLines, 2), "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"valid\":3}\n{\"step\":3}\n");
  EXPECT_EQ(reopen(kLines, 1), "{\"step\":1}\n{\"step\":2}\n");
  EXPECT_EQ(reopen(kLines, 0), "{\"step\":1}\n");
}

TEST_F(MetricsTest, CutsOffATornLine) {
  EXPECT_EQ(reopen("{\"step\":1}\n{\"st", 5), "{\"step\":1}\n{\"step\":6}\n");
  EXPECT_EQ(reopen("{\"step\":1}\n{\"step\":2}", 5), "{\"step\":1}\n{\"step\":6}\n");
}

TEST_F(MetricsTest, BeginsWithoutAFile) {
  MetricsFile file = llvm::cantFail(MetricsFile::open(at("new.jsonl"), 7));
  llvm::cantFail(file.flush());
  EXPECT_EQ(llvm::cantFail(readFile(at("new.jsonl"))), "");
}

} // namespace
