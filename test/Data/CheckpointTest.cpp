// Checkpoints: round trips, damage of every file, fallback to an earlier one, and a writer killed at any moment.

#include "moru/Data/Checkpoint.h"
#include "TestUtils.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

#include <csignal>
#include <cstdlib>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class Checkpoints : public FolderTest {
  /// In memory where that can be: each save waits for the disk a dozen times.
  void SetUp() override {
    if (sys::fs::createUniqueDirectory("/dev/shm/moru-data", folder))
      FolderTest::SetUp();
  }
};
} // namespace

static Checkpoint makeCheckpoint(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.config = json::Object{{"model", "lstm_lm"}, {"V", 53}, {"lr", 0.1}};
  checkpoint.model.push_back({"E", randomTensor(ElementType::F32, {5, 3}, uint64_t(step))});
  checkpoint.model.push_back({"b", randomTensor(ElementType::BF16, {7}, uint64_t(step) + 1)});
  checkpoint.optimizer.push_back({"E.m", randomTensor(ElementType::F32, {5, 3}, uint64_t(step) + 2)});
  checkpoint.state.step = step;
  checkpoint.state.seed = 0xFFFFFFFFFFFFFFF1;
  checkpoint.state.position = {2, step};
  checkpoint.state.extra = json::Object{{"loss", 0.1 + 0.2}, {"options", json::Object{{"clip", 1}}}};
  checkpoint.tokenizer = VocabularyTokenizer::fromTokens(TokenUnit::Words, {"i", "love", "ai"}, 10);
  return checkpoint;
}

static void expectSameTensors(ArrayRef<NamedTensor> a, ArrayRef<NamedTensor> b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_TRUE(a[i].tensor.sameBits(b[i].tensor));
  }
}

static void expectSame(const Checkpoint &a, const Checkpoint &b) {
  EXPECT_EQ(a.config, b.config);
  expectSameTensors(a.model, b.model);
  expectSameTensors(a.optimizer, b.optimizer);
  EXPECT_EQ(a.state.step, b.state.step);
  EXPECT_EQ(a.state.seed, b.state.seed);
  EXPECT_EQ(a.state.position, b.state.position);
  EXPECT_EQ(a.state.extra, b.state.extra);
}

TEST_F(Checkpoints, LoadWhatWasSaved) {
  Checkpoint saved = makeCheckpoint(120);
  saved.targetTokenizer = cantFail(VocabularyTokenizer::fromCharacters("abc", /*special=*/true));
  EXPECT_EQ(cantFail(saveCheckpoint(at("run"), saved)), at("run/step-120"));
  for (std::string path : {at("run"), at("run/"), at("run/latest"), at("run/step-120"), at("run/step-120/")}) {
    Checkpoint loaded = cantFail(loadCheckpoint(path));
    expectSame(saved, loaded);
    EXPECT_TRUE(loaded.warnings.empty());
    EXPECT_EQ(loaded.path, at("run/step-120"));
    EXPECT_EQ(cantFail(loaded.tokenizer->encode("love")), std::vector<int32_t>{5});
    EXPECT_EQ(loaded.targetTokenizer->size(), 7);
  }
  EXPECT_TRUE(cantFail(loadCheckpoint(at("run"), /*withOptimizer=*/false)).optimizer.empty());
}

TEST_F(Checkpoints, MayLackTokenizersAndTensors) {
  Checkpoint saved;
  cantFail(saveCheckpoint(at("run"), saved));
  Checkpoint loaded = cantFail(loadCheckpoint(at("run")));
  expectSame(saved, loaded);
  EXPECT_EQ(loaded.tokenizer, nullptr);
  EXPECT_EQ(loaded.targetTokenizer, nullptr);
}

TEST_F(Checkpoints, ReplaceTheSameStepAndMoveLatest) {
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(9)));
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(10)));
  Checkpoint again = makeCheckpoint(10);
  again.state.seed = 5;
  cantFail(saveCheckpoint(at("run"), again));
  EXPECT_EQ(cantFail(loadCheckpoint(at("run"))).state.seed, 5u);
  // Steps are numbers, not text: 10 is newer than 9.
  sys::fs::remove(at("run/latest"));
  EXPECT_EQ(cantFail(loadCheckpoint(at("run"))).state.step, 10);
}

TEST_F(Checkpoints, FallBackToTheNewestCompleteOne) {
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(1)));
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(2)));
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(3)));
  std::string model = at("run/step-3/model.safetensors"), bytes = cantFail(readFile(model));
  put("run/step-3/model.safetensors", StringRef(bytes).drop_back(4));
  Checkpoint loaded = cantFail(loadCheckpoint(at("run")));
  expectSame(loaded, makeCheckpoint(2));
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(loaded.warnings[0], model + ": expected " + std::to_string(bytes.size()) + " bytes, got " +
                                    std::to_string(bytes.size() - 4) +
                                    "; the file is truncated or from another checkpoint; trying an earlier checkpoint");
  EXPECT_TRUE(contains(messageOf(loadCheckpoint(at("run/step-3"))), "give the folder above"));
  // A link to nothing.
  sys::fs::remove_directories(at("run/step-3"));
  EXPECT_EQ(cantFail(loadCheckpoint(at("run/latest"))).state.step, 2);
}

TEST_F(Checkpoints, NoticeDamageOfEveryByte) {
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(1)));
  for (StringRef name : {"config.json", "model.safetensors", "optimizer.safetensors", "state.json", "vocabulary.txt"}) {
    std::string path = at(("run/step-1/" + name).str()), whole = cantFail(readFile(path));
    auto load = [&](StringRef contents) {
      FILE *file = std::fopen(path.c_str(), "wb"); // not atomic, as damage is not, and faster
      std::fwrite(contents.data(), 1, contents.size(), file);
      std::fclose(file);
      return messageOf(loadCheckpoint(at("run/step-1")));
    };
    for (size_t size = 0; size < whole.size(); size += 7)
      EXPECT_TRUE(contains(load(StringRef(whole).take_front(size)), name)) << size;
    for (size_t place = 0; place < whole.size(); place += 5) {
      std::string copy = whole;
      copy[place] ^= 1;
      std::string message = load(copy);
      // The layout of state.json may change without changing what it says.
      if (name != "state.json" || !isspace(static_cast<unsigned char>(whole[place])))
        EXPECT_NE(message, "") << name.str() << " " << place;
    }
    EXPECT_EQ(load(whole), "");
    sys::fs::remove(path);
    EXPECT_TRUE(contains(messageOf(loadCheckpoint(at("run/step-1"))), name));
    load(whole);
  }
}

TEST_F(Checkpoints, SayWhatIsMissing) {
  EXPECT_TRUE(contains(messageOf(loadCheckpoint(at("none"))), at("none")));
  EXPECT_TRUE(contains(messageOf(loadCheckpoint(folder)), "expected a checkpoint (a folder step-N"));
  ASSERT_EQ(messageOf(createFolder(at("step-4"))), "");
  EXPECT_TRUE(contains(messageOf(loadCheckpoint(folder)), "got 1 damaged; the newest: cannot read " + at("step-4")));
  std::string file = put("file", "x");
  EXPECT_NE(messageOf(loadCheckpoint(file)), "");
  EXPECT_TRUE(contains(messageOf(saveCheckpoint(file, makeCheckpoint(1))), file));
}

TEST_F(Checkpoints, AreRemovedFromTheOldEnd) {
  for (int64_t step = 1; step <= 5; ++step)
    cantFail(saveCheckpoint(at("run"), makeCheckpoint(step)));
  ASSERT_EQ(messageOf(replaceLink(at("run/latest"), "step-2")), "");
  ASSERT_EQ(messageOf(removeOldCheckpoints(at("run"), 2)), "");
  std::vector<bool> exist;
  for (int64_t step = 1; step <= 5; ++step)
    exist.push_back(sys::fs::exists(at("run/step-" + std::to_string(step))));
  EXPECT_EQ(exist, (std::vector<bool>{false, true, false, true, true}));
}

/// How a child ended that was to be killed.
enum class Ending { Killed, Finished, CannotBeTraced };

/// Runs `work` in a child process, which is killed where it begins or ends its system call number `moment`.
static Ending killAtSystemCall(int64_t moment, function_ref<void()> work) {
  pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      _exit(1);
    raise(SIGSTOP);
    work();
    _exit(0);
  }
  int status = 0;
  for (int64_t stop = 0; waitpid(child, &status, 0) == child && WIFSTOPPED(status); ++stop)
    // Each call stops the child twice.
    if (stop > 2 * moment)
      kill(child, SIGKILL);
    else
      ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  return WIFSIGNALED(status) ? Ending::Killed : WEXITSTATUS(status) == 0 ? Ending::Finished : Ending::CannotBeTraced;
}

TEST_F(Checkpoints, SurviveAWriterKilledAtAnyMoment) {
  cantFail(saveCheckpoint(at("run"), makeCheckpoint(0)));
  Ending ending = Ending::Killed;
  for (int64_t moment = 0; ending == Ending::Killed; ++moment) {
    ending = killAtSystemCall(moment, [&] {
      // A new folder, one in place of another, and the removal of an old one.
      for (int time = 0; time < 2; ++time)
        cantFail(saveCheckpoint(at("run"), makeCheckpoint(moment + 1)));
      cantFail(removeOldCheckpoints(at("run"), 1));
    });
    if (ending == Ending::CannotBeTraced)
      GTEST_SKIP() << "no process may be traced here (ptrace)";
    Checkpoint loaded = cantFail(loadCheckpoint(at("run")));
    EXPECT_EQ(loaded.warnings, std::vector<std::string>()) << "killed at system call " << moment;
    expectSame(loaded, makeCheckpoint(loaded.state.step));
  }
  // The last writer was not killed and removed what the others had left.
  std::error_code ignored;
  std::vector<std::string> names;
  for (sys::fs::directory_iterator entry(at("run"), ignored), end; entry != end; entry.increment(ignored))
    names.push_back(sys::path::filename(entry->path()).str());
  EXPECT_EQ(names.size(), 2u) << join(names, ", "); // the newest and `latest`
}
