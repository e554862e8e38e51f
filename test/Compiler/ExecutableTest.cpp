// Executables: calls by name and by position, shared parameters, donated state, and what is said about a wrong call.
#include "CompilerTestUtils.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>

using namespace moru;

/// Every allocation of the program, to count those of a call.
static std::atomic<int64_t> allocations{0};

// A sanitizer has allocation functions of its own, which these would get in the way of.
#if defined(__has_feature) && __has_feature(address_sanitizer)
static constexpr bool kCounts = false;
#else
static constexpr bool kCounts = true;
static void *allocate(size_t size, size_t alignment) {
  ++allocations;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void *operator new(size_t size) { return allocate(size, 16); }
void *operator new[](size_t size) { return allocate(size, 16); }
void *operator new(size_t size, std::align_val_t alignment) { return allocate(size, size_t(alignment)); }
void *operator new[](size_t size, std::align_val_t alignment) { return allocate(size, size_t(alignment)); }
void operator delete(void *memory) noexcept { free(memory); }
void operator delete[](void *memory) noexcept { free(memory); }
void operator delete(void *memory, size_t) noexcept { free(memory); }
void operator delete[](void *memory, size_t) noexcept { free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { free(memory); }
void operator delete[](void *memory, std::align_val_t) noexcept { free(memory); }
#endif

namespace {

/// Two functions that share W and s. step: s += W * x in place, y = s * 2 through the arena. peek: y = s.
const char kProgram[] = R"(
func.func private @accumulate(%x: memref<32xf32>, %w: memref<32xf32>, %s: memref<32xf32>, %t: memref<32xf32>, %task: index)
    attributes {kernel.family = "map"} {
  %c16 = arith.constant 16 : index
  %i = arith.muli %task, %c16 : index
  %a = vector.load %x[%i] : memref<32xf32>, vector<16xf32>
  %b = vector.load %w[%i] : memref<32xf32>, vector<16xf32>
  %c = vector.load %s[%i] : memref<32xf32>, vector<16xf32>
  %p = arith.mulf %a, %b fastmath<contract> : vector<16xf32>
  %q = arith.addf %c, %p fastmath<contract> : vector<16xf32>
  vector.store %q, %s[%i] : memref<32xf32>, vector<16xf32>
  vector.store %q, %t[%i] : memref<32xf32>, vector<16xf32>
  return
}
func.func private @double(%a: memref<32xf32>, %b: memref<32xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  scf.for %i = %c0 to %c32 step %c1 {
    %x = memref.load %a[%i] : memref<32xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %b[%i] : memref<32xf32>
  }
  return
}
func.func @step(%x: !kernel.buffer<32xf32> {graph.name = "x", graph.role = "input"},
                %w: !kernel.buffer<32xf32> {graph.name = "W", graph.role = "parameter"},
                %s: !kernel.buffer<32xf32> {graph.name = "s", graph.role = "state", kernel.updated = "s2"},
                %y: !kernel.buffer<32xf32> {graph.name = "y", graph.role = "output"}) attributes {kernel.arena = 192 : i64} {
  %t = kernel.alloc at 64 : !kernel.buffer<32xf32>
  kernel.launch @accumulate(%x, %w, %s, %t : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>, !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 2
  kernel.launch @double(%t, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 1
  return
}
func.func @twice(%a: !kernel.buffer<32xf32> {graph.name = "a", graph.role = "input"},
                 %s: !kernel.buffer<32xf32> {graph.name = "s", graph.role = "state"},
                 %y: !kernel.buffer<32xf32> {graph.name = "y", graph.role = "output"}) attributes {kernel.arena = 0 : i64} {
  kernel.launch @double(%a, %y : !kernel.buffer<32xf32>, !kernel.buffer<32xf32>) tasks 1
  return
})";

class ExecutableTest : public CompilerTest {
protected:
  HostTensor x = HostTensor::full<float>({32}, 3.0f), w = HostTensor::full<float>({32}, 0.5f);
};

TEST_F(ExecutableTest, RunsAndKeepsState) {
  for (int32_t threads : {1, 2, 3}) {
    Executable exe = load(kProgram, {.threads = threads});
    EXPECT_EQ(exe.threads(), threads);
    ASSERT_TRUE(exe.set("W", w));
    for (int step = 1; step <= 3; ++step) {
      Outputs out = exe.run("step", {{"x", x}});
      ASSERT_TRUE(out) << out.message();
      for (int64_t i = 0; i < 32; ++i) {
        EXPECT_EQ(out["y"].at(i), 3.0 * step);
        EXPECT_EQ(out["s2"].at(i), 1.5 * step);
      }
      EXPECT_EQ(&out["s2"], exe.find("s"));
    }
    exe.clear(Role::State);
    EXPECT_EQ(exe.find("s")->at(5), 0.0);
    EXPECT_EQ(exe.find("W")->at(5), 0.5);
  }
}

// Every product here is exact, so that it does not matter that plain code fuses no multiply-add.
TEST_F(ExecutableTest, PlainCodeComputesTheSame) {
  Executable plain = load(kProgram, {.quality = CodeQuality::Plain}), fast = load(kProgram);
  ASSERT_TRUE(plain.set("W", w) && fast.set("W", w));
  Outputs a = plain.run("step", {&x}), b = fast.run("step", {&x});
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(a["y"].sameBits(b["y"]));
}

class OtherTargetTest : public ExecutableTest, public testing::WithParamInterface<const char *> {};

TEST_P(OtherTargetTest, Runs) {
  Target target = Target::parse(GetParam()).take();
  if (std::vector<std::string> missing = target.missingOnHost(); !missing.empty())
    GTEST_SKIP() << "this machine lacks " << missing.front();
  Executable exe = load(kProgram, {.target = target});
  ASSERT_TRUE(exe.set("W", w));
  Outputs out = exe.run("step", {&x});
  ASSERT_TRUE(out) << out.message();
  EXPECT_EQ(out["y"].at(31), 3.0);
}

INSTANTIATE_TEST_SUITE_P(ExecutableTest, OtherTargetTest, testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4"),
                         [](const auto &info) { return "v" + std::string(1, info.param[8]); });

// The result of one call as an input of the next is read before it is overwritten.
TEST_F(ExecutableTest, TakesItsOwnResultsAsInputs) {
  Executable exe = load(kProgram);
  Outputs out = exe.run("twice", {&x});
  for (int round = 0; round < 3; ++round)
    out = exe.run("twice", {{"a", out["y"]}});
  ASSERT_TRUE(out) << out.message();
  EXPECT_EQ(out["y"].at(0), 48.0);
  EXPECT_EQ(x.at(0), 3.0);
}

TEST_F(ExecutableTest, AllocatesNothingAfterTheFirstCall) {
  Executable exe = load(kProgram, {.threads = 2});
  ASSERT_TRUE(exe.run("step", {{"x", x}}));
  ASSERT_TRUE(exe.run("twice", {&x}));
  if (!kCounts)
    GTEST_SKIP() << "allocations are not counted under AddressSanitizer";
  int64_t before = allocations;
  EXPECT_GT(before, 0);
  for (int round = 0; round < 10; ++round) {
    EXPECT_TRUE(exe.run("step", {{"x", x}}));
    EXPECT_TRUE(exe.run("twice", {&x}));
  }
  EXPECT_EQ(allocations - before, 0);
}

TEST_F(ExecutableTest, RejectsWrongCalls) {
  Executable exe = load(kProgram);
  HostTensor wrong = HostTensor::zeros(ElementType::F32, {31}), integers = HostTensor::zeros(ElementType::I32, {32});
  auto expectMessage = [](const Outputs &out, llvm::StringRef part) {
    EXPECT_FALSE(out);
    EXPECT_NE(out.message().find(part), std::string::npos) << out.message();
    EXPECT_EQ(out.find("y"), nullptr);
    EXPECT_TRUE(std::isnan(out.scalar("y")));
  };
  expectMessage(exe.run("loss", {&x}), "expected one of the functions step, twice, got 'loss'");
  expectMessage(exe.run("step", {&x, &x}), "step: expected 1 inputs (x [32] f32), got 2");
  expectMessage(exe.run("step", {&wrong}), "step: input 'x': expected [32] f32, got [31] f32");
  expectMessage(exe.run("step", {{"x", integers}}), "step: input 'x': expected [32] f32, got [32] i32");
  expectMessage(exe.run("step", {{"W", w}}), "step: expected inputs among x [32] f32; got 'W'");
  expectMessage(exe.run("step", {{"x", x}, {"x", x}}), "got 'x' twice");
  expectMessage(exe.run("step", std::initializer_list<NamedInput>()), "step: expected input 'x' [32] f32, got none");
  expectMessage(exe(x), "expected a program of one function, got step, twice");
  EXPECT_EQ(exe.find("s")->at(0), 0.0);
}

TEST_F(ExecutableTest, LoadsAllOrNothing) {
  Executable exe = load(kProgram);
  std::vector<NamedTensor> values;
  values.push_back({"V", w.clone()});
  values.push_back({"s", w.clone()});
  Result<void> done = exe.load(values, Role::Parameter);
  EXPECT_FALSE(done);
  for (const char *part : {"'V': unknown", "'s': unknown", "'W': expected [32] f32, got none"})
    EXPECT_NE(done.message().find(part), std::string::npos) << done.message();
  values.clear();
  values.push_back({"W", HostTensor::zeros(ElementType::F32, {2, 16})});
  EXPECT_NE(exe.load(values, Role::Parameter).message().find("'W': expected [32] f32, got [2, 16] f32"),
            std::string::npos);
  values[0].tensor = w.clone();
  EXPECT_TRUE(exe.load(values, Role::Parameter));
  EXPECT_EQ(exe.find("W")->at(0), 0.5);
  EXPECT_FALSE(exe.set("x", x));
  EXPECT_FALSE(exe.set("W", HostTensor::zeros(ElementType::F32, {31})));
}

TEST_F(ExecutableTest, NamesKernelsInProfiles) {
  struct Profile {
    Executable *exe;
    std::string names;
  };
  Executable exe = load(kProgram, {.threads = 2});
  Profile profile{&exe, ""};
  exe.setProfile(
      [](void *data, moru_task_fn fn, int64_t tasks, uint64_t, uint64_t) {
        auto *profile = static_cast<Profile *>(data);
        profile->names += profile->exe->findKernel(fn)->name + ":" + std::to_string(tasks) + " ";
      },
      &profile);
  ASSERT_TRUE(exe.run("step", {&x}));
  EXPECT_EQ(profile.names, "accumulate:2 double:1 ");
}

TEST_F(ExecutableTest, NoMemoryIsAnError) {
  std::string text = kProgram;
  text.replace(text.find("arena = 192"), 11, "arena = 1125899906842624");
  auto module = parse(text);
  auto signature = readSignature(*module);
  ASSERT_TRUE(mlir::succeeded(signature) && mlir::succeeded(lower(*module))) << diagnostics;
  auto exe = loadExecutable(*module, *signature, {});
  ASSERT_FALSE(bool(exe));
  EXPECT_NE(llvm::toString(exe.takeError()).find("1125899906842624 bytes of memory"), std::string::npos);
}

TEST_F(ExecutableTest, RefusesCodeForAnotherMachine) {
  CompileOptions options;
  options.target.features.push_back("sse4a"); // AMD's; where it is there, another that is not.
  if (options.target.missingOnHost().empty())
    options.target.features.back() = "kl";
  auto module = parse(kProgram);
  auto signature = readSignature(*module);
  ASSERT_TRUE(mlir::succeeded(lower(*module)));
  auto exe = loadExecutable(*module, *signature, options);
  ASSERT_FALSE(bool(exe));
  EXPECT_NE(llvm::toString(exe.takeError()).find("got one without"), std::string::npos);
  options.target.features.back() = "no-such-feature";
  auto codegen = Codegen::create(*module, options.target, options.quality);
  ASSERT_FALSE(bool(codegen));
  EXPECT_NE(llvm::toString(codegen.takeError()).find("got 'no-such-feature'"), std::string::npos);
}

} // namespace
