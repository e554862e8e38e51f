// Locks of folders: one holder at a time, free again when it ends, however it does; what is left behind.

#include "moru/Support/FolderLock.h"
#include "../Data/TestUtils.h"

#include <csignal>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class FolderLocks : public FolderTest {};
} // namespace

TEST_F(FolderLocks, RefuseASecondHolderByTheNameOfTheFirst) {
  FolderLock first = cantFail(FolderLock::acquire(at("run")));
  EXPECT_EQ(messageOf(FolderLock::acquire(at("run"))),
            at("run") + ": expected a folder that nobody else writes to, got one that process " +
                std::to_string(getpid()) + " is writing to; wait for it to end, or choose another folder");
  EXPECT_EQ(messageOf(FolderLock::acquire(at("other"))), "");
  // The one that was refused has taken nothing away.
  EXPECT_TRUE(sys::fs::exists(at("run/.lock")));
}

TEST_F(FolderLocks, LeaveNothingButWhatWasWritten) {
  {
    FolderLock lock = cantFail(FolderLock::acquire(at("a/b/c")));
  }
  EXPECT_FALSE(sys::fs::exists(at("a")));
  {
    FolderLock lock = cantFail(FolderLock::acquire(at("a/b/")));
    put("a/file", "x");
  }
  EXPECT_TRUE(sys::fs::exists(at("a/file")));
  EXPECT_FALSE(sys::fs::exists(at("a/b")));
  {
    FolderLock lock = cantFail(FolderLock::acquire(at("a")));
  }
  EXPECT_TRUE(sys::fs::exists(at("a/file")));
  EXPECT_FALSE(sys::fs::exists(at("a/.lock")));
}

TEST_F(FolderLocks, MoveWithTheirObjects) {
  std::optional<FolderLock> kept;
  {
    FolderLock lock = cantFail(FolderLock::acquire(at("run")));
    kept.emplace(std::move(lock));
  }
  EXPECT_NE(messageOf(FolderLock::acquire(at("run"))), "");
  kept.reset();
  EXPECT_EQ(messageOf(FolderLock::acquire(at("run"))), "");
}

TEST_F(FolderLocks, AreFreeWhenTheirProcessIsKilled) {
  int channel[2];
  ASSERT_EQ(pipe(channel), 0);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    FolderLock lock = cantFail(FolderLock::acquire(at("run")));
    while (write(channel[1], "x", 1) == 1) // and then, at the latest when the pipe is full, wait
      continue;
  }
  char byte;
  ASSERT_EQ(read(channel[0], &byte, 1), 1);
  EXPECT_TRUE(contains(messageOf(FolderLock::acquire(at("run"))), "process " + std::to_string(child) + " is writing"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(sys::fs::exists(at("run/.lock")));
  EXPECT_EQ(messageOf(FolderLock::acquire(at("run"))), "");
  close(channel[0]);
  close(channel[1]);
}

TEST_F(FolderLocks, NeedAFolder) {
  put("file", "x");
  EXPECT_TRUE(contains(messageOf(FolderLock::acquire(at("file"))), at("file")));
  EXPECT_TRUE(contains(messageOf(FolderLock::acquire(at("file/run"))), at("file/run")));
}
