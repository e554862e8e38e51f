// Contexts and workers: every task of every launch runs exactly once, whatever the number of threads, and what cannot
// be had is an error.
#include "moru/Runtime/Runtime.h"

#include "gtest/gtest.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

struct ContextDeleter {
  void operator()(moru_context *context) const { moru_context_destroy(context); }
};
using Context = std::unique_ptr<moru_context, ContextDeleter>;

Context create(int64_t bytes, int32_t threads) {
  moru_error error = {};
  Context context(moru_context_create(bytes, threads, &error));
  EXPECT_TRUE(context) << error.message;
  return context;
}

void countTask(void *const *buffers, int64_t task) {
  static_cast<std::atomic<int32_t> *>(buffers[0])[task].fetch_add(1, std::memory_order_relaxed);
}

/// Not atomic: a race or a lost hand-over between launches shows as a wrong sum, or in a thread sanitizer.
void addTask(void *const *buffers, int64_t task) {
  static_cast<int64_t *>(buffers[1])[task] += static_cast<int64_t *>(buffers[0])[task ^ 1];
}

class Threads : public testing::TestWithParam<int32_t> {};

TEST_P(Threads, RunsEachTaskOnce) {
  Context context = create(1 << 16, GetParam());
  for (int64_t tasks : {0, 1, 2, 3, 7, 64, 1000}) {
    std::vector<std::atomic<int32_t>> counts(tasks + 1);
    void *buffers[] = {counts.data()};
    context->parallel_for(context.get(), countTask, buffers, tasks);
    for (int64_t i = 0; i < tasks; ++i)
      EXPECT_EQ(counts[i].load(), 1) << "task " << i << " of " << tasks;
    EXPECT_EQ(counts[tasks].load(), 0);
  }
}

TEST_P(Threads, SeesTheLaunchBefore) {
  constexpr int64_t kTasks = 8, kLaunches = 20000;
  Context context = create(0, GetParam());
  std::vector<int64_t> a(kTasks, 1), b(kTasks, 0);
  for (int64_t i = 0; i < kLaunches; ++i) {
    void *forth[] = {a.data(), b.data()}, *back[] = {b.data(), a.data()};
    context->parallel_for(context.get(), addTask, i % 2 ? back : forth, kTasks);
    // Doubling as Fibonacci numbers do; keep it small.
    for (int64_t j = 0; j < kTasks; ++j) {
      ASSERT_EQ(a[j], a[0]) << "launch " << i;
      ASSERT_EQ(b[j], b[0]) << "launch " << i;
    }
    if (a[0] + b[0] > (int64_t(1) << 40))
      a.assign(kTasks, 1), b.assign(kTasks, 0);
  }
}

TEST_P(Threads, WakesFromSleep) {
  Context context = create(0, GetParam());
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::vector<std::atomic<int32_t>> counts(5);
    void *buffers[] = {counts.data()};
    context->parallel_for(context.get(), countTask, buffers, 5);
    for (auto &count : counts)
      EXPECT_EQ(count.load(), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Count, Threads, testing::Values(1, 2, 3, 8));

struct Nested {
  moru_context *context;
  std::atomic<int32_t> counts[4];
};

void nestedTask(void *const *buffers, int64_t) {
  auto *nested = static_cast<Nested *>(buffers[0]);
  void *inner[] = {nested->counts};
  nested->context->parallel_for(nested->context, countTask, inner, 4);
}

TEST(ContextTest, NestedLaunchRunsOnItsThread) {
  Context context = create(0, 3);
  Nested nested{context.get(), {}};
  void *buffers[] = {&nested};
  context->parallel_for(context.get(), nestedTask, buffers, 6);
  for (auto &count : nested.counts)
    EXPECT_EQ(count.load(), 6);
}

TEST(ContextTest, ArenaIsAlignedAndZero) {
  for (int64_t bytes : {int64_t(0), int64_t(1), int64_t(4096), int64_t(3) << 20}) {
    Context context = create(bytes, 1);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(context->arena) % MORU_ALIGNMENT, 0u);
    EXPECT_EQ(context->abi_version, MORU_ABI_VERSION);
    for (int64_t i = 0; i < bytes; ++i)
      ASSERT_EQ(context->arena[i], 0);
  }
}

TEST(ContextTest, NoMemoryIsAnError) {
  for (int64_t bytes : {int64_t(1) << 50, INT64_MAX, int64_t(-1)}) {
    moru_error error = {};
    EXPECT_EQ(moru_context_create(bytes, 1, &error), nullptr);
    EXPECT_NE(std::string(error.message).find("expected"), std::string::npos) << error.message;
    EXPECT_NE(std::string(error.message).find(std::to_string(bytes)), std::string::npos) << error.message;
  }
  EXPECT_EQ(moru_context_create(1, -1, nullptr), nullptr);
  EXPECT_EQ(moru_context_create(1, 1 << 20, nullptr), nullptr);
}

TEST(ContextTest, ZeroThreadsIsOnePerCpu) { EXPECT_GE(create(0, 0)->threads, 1); }

void recordProfile(void *data, moru_task_fn fn, int64_t tasks, uint64_t begin, uint64_t end) {
  EXPECT_EQ(fn, countTask);
  EXPECT_LE(begin, end);
  *static_cast<int64_t *>(data) += tasks;
}

TEST(ContextTest, ProfilesEachLaunch) {
  Context context = create(0, 2);
  int64_t total = 0;
  context->profile = recordProfile;
  context->profile_data = &total;
  std::vector<std::atomic<int32_t>> counts(5);
  void *buffers[] = {counts.data()};
  context->parallel_for(context.get(), countTask, buffers, 5);
  context->parallel_for(context.get(), countTask, buffers, 1);
  EXPECT_EQ(total, 6);
}

#if defined(__x86_64__)
void storeControl(void *const *buffers, int64_t task) {
  static_cast<unsigned *>(buffers[0])[task] = _mm_getcsr() & ~0x3fu;
}

// A program built with -ffast-math flushes denormals; kernels must not, on whatever thread they run.
TEST(ContextTest, FloatingPointModeIsFixed) {
  unsigned saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040);
  Context context = create(0, 3);
  std::vector<unsigned> control(100);
  void *buffers[] = {control.data()};
  context->parallel_for(context.get(), storeControl, buffers, 100);
  context->parallel_for(context.get(), storeControl, buffers, 1);
  EXPECT_EQ(_mm_getcsr() & 0x8040, 0x8040u);
  _mm_setcsr(saved);
  for (unsigned word : control)
    EXPECT_EQ(word, 0x1f80u);
}
#endif

} // namespace
