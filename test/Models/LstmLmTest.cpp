// lstm_lm against recorded values: the small case of this folder always, the cases of MORU_DATA_DIR where there are
// any.

#include "RecordedCase.h"
#include "models/Models.h"

#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

#include <cstdlib>

namespace {

class LstmLmTest : public testing::Test {
protected:
  void SetUp() override { moru::models::registerAll(); }

  void checkData(const std::string &name) {
    const char *data = std::getenv("MORU_DATA_DIR");
    std::string folder = std::string(data ? data : "") + "/parity/" + name;
    if (!llvm::sys::fs::is_directory(folder))
      GTEST_SKIP() << "no recorded case at " << folder;
    moru::test::checkRecordedCase(folder);
  }
};

TEST_F(LstmLmTest, MatchesTheSmallCase) { moru::test::checkRecordedCase(MORU_TEST_MODELS_DIR "/lstm_lm"); }
TEST_F(LstmLmTest, MatchesTheRecordedCase) { checkData("lstm_lm"); }
TEST_F(LstmLmTest, MatchesTwoLayersWithCarriedState) { checkData("lstm_lm_2layer_carried"); }

} // namespace
