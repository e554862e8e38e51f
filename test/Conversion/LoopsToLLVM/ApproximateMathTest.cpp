// The functions that compiled code computes by polynomials, over the numbers of f32: the largest error of each, in
// units in the last place, against f64, and the results that C's functions have for zeros, denormals, infinities and
// NaN.
//
// A strided part of the numbers by default; with MORU_ALL_FLOATS=1 all 2^32 (a minute or two for each function), which
// prints the largest error and where it is.
#include "moru/Compiler/Codegen.h"
#include "moru/Compiler/Jit.h"
#include "moru/Conversion/KernelToLoops/KernelToLoops.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Reference/Tolerances.h"
#include "moru/Runtime/Runtime.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace moru;

namespace {

/// Prime, so that all low bits occur; about half a million inputs.
constexpr uint32_t kStride = 8191;
/// Numbers per call: small enough for the caches, a multiple of every vector.
constexpr int64_t kBlock = 1 << 13;

bool takesAllFloats() { return std::getenv("MORU_ALL_FLOATS") != nullptr; }

/// A kernel of one elementwise operation on `arity` tensors of kBlock numbers, compiled.
class Compiled {
public:
  Compiled(const std::string &operation, int arity, const Target &target) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(getText(operation, arity), &context);
    mlir::PassManager manager(&context);
    KernelToLoopsOptions loops;
    loops.vectorBits = target.vectorBits;
    loops.vectorRegisters = target.vectorRegisters;
    manager.addPass(createKernelToLoops(loops));
    LoopsToLLVMOptions lowering;
    lowering.vectorBits = target.vectorBits;
    manager.addPass(createLoopsToLLVM(lowering));
    EXPECT_TRUE(module && mlir::succeeded(manager.run(*module)));
    Codegen codegen = llvm::cantFail(Codegen::create(*module, target, CodeQuality::Optimized));
    jit = llvm::cantFail(Jit::create(llvm::cantFail(codegen.emitObject()), target));
    entry = reinterpret_cast<moru_task_fn>(llvm::cantFail(jit->lookup("k_0_entry")));
  }

  void operator()(std::vector<float *> buffers) const { entry(reinterpret_cast<void **>(buffers.data()), 0); }

private:
  static std::string getText(const std::string &operation, int arity) {
    std::string tensor = std::to_string(kBlock) + "xf32", buffer = "!kernel.buffer<" + tensor + ">";
    std::string arguments, bindings, operands, types;
    for (int i = 0; i < arity; ++i) {
      std::string name = std::to_string(i), comma = i ? ", " : "";
      arguments += "%b" + name + ": " + buffer + ", ";
      bindings += comma + "%x" + name + " = %b" + name;
      operands += comma + "%x" + name;
      types += comma + buffer;
    }
    return "func.func @f(" + arguments + "%w: " + buffer + ") {\n  kernel.compute map \"k\" reads(" + bindings +
           ") writes(%w) : (" + types + ") -> (" + buffer + ") {\n    %y = graph." + operation + " " + operands +
           " : tensor<" + tensor + ">\n    kernel.yield %y : tensor<" + tensor + ">\n  }\n  return\n}\n";
  }

  std::unique_ptr<Jit> jit;
  moru_task_fn entry;
};

/// The largest error so far.
struct Worst {
  double error = 0;
  float x = 0, y = 0, got = 0;
  double exact = 0;

  void note(double e, float atX, float atY, float result, double wanted) {
    if (e > error)
      error = e, x = atX, y = atY, got = result, exact = wanted;
  }
};

/// The distance in units in the last place of the exact result; a denormal's unit is that of the smallest normal
/// number. Infinite where one is NaN, infinite or of another sign and the other is not.
double errorInUnits(float got, double exact) {
  float rounded = float(exact);
  if (std::isnan(rounded) || std::isnan(got))
    return std::isnan(rounded) && std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(rounded) || std::isinf(got))
    return rounded == got ? 0 : INFINITY;
  if (std::signbit(got) != std::signbit(rounded))
    return INFINITY;
  int exponent = int(std::bit_cast<uint64_t>(exact) >> 52 & 0x7ff) - 1023;
  // 2^(23 - exponent), by its bits.
  return std::abs(double(got) - exact) * std::bit_cast<double>(uint64_t(1023 + 23 - std::max(exponent, -126)) << 52);
}

struct MathCase {
  const char *name;
  double (*exact)(double);
  double bound;
};

class ApproximateMathTest : public testing::TestWithParam<std::tuple<MathCase, const char *>> {
protected:
  ApproximateMathTest() : target(*Target::parse(std::get<1>(GetParam()))) {}

  Target target;
};

TEST_P(ApproximateMathTest, IsCloseToTheExactResult) {
  if (!target.missingOnHost().empty())
    GTEST_SKIP() << "this machine lacks " << target.missingOnHost().front();
  const MathCase &test = std::get<0>(GetParam());
  Compiled function(test.name, 1, target);
  std::vector<float> x(kBlock), y(kBlock);
  Worst worst;
  auto checkBlock = [&] {
    function({x.data(), y.data()});
    for (int64_t i = 0; i < kBlock; ++i) {
      double exact = test.exact(x[i]);
      worst.note(errorInUnits(y[i], exact), x[i], 0, y[i], exact);
    }
  };
  uint64_t stride = takesAllFloats() ? 1 : kStride;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += kBlock * stride) {
    for (int64_t i = 0; i < kBlock; ++i)
      x[i] = std::bit_cast<float>(uint32_t(std::min<uint64_t>(bits + i * stride, UINT32_MAX)));
    checkBlock();
  }
  const float specials[] = {
      0.0f,   -0.0f,        1.0f,        -1.0f,          INFINITY,      -INFINITY,      NAN,
      -NAN,   1e-45f,       -1e-45f,     1.1754944e-38f, 3.4028235e38f, -3.4028235e38f, 88.72f,
      88.73f, -87.34f,      -103.97f,    -103.98f,       65536.0f,      65537.0f,       2.9e4f,
      0.95f,  -0.99999994f, 0.70710677f, 1.4142135f,     3.93f,         9.02f,          17076834.0f};
  std::fill(x.begin(), x.end(), 0.5f);
  std::copy(std::begin(specials), std::end(specials), x.begin());
  checkBlock();
  if (takesAllFloats())
    printf("%-8s %-10s %.3f ulp at %.9g: %.9g, exactly %.17g\n", test.name, std::get<1>(GetParam()), worst.error,
           worst.x, worst.got, worst.exact);
  EXPECT_LE(worst.error, test.bound) << "at " << worst.x << ": " << worst.got << ", exactly " << worst.exact;
}

/// Of NaN, which has a sign that means nothing, only that it is one.
bool haveSameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

TEST(ApproximateMathWidthTest, GivesTheSameBitsInVectorsOfBothWidths) {
  Target narrow = *Target::parse("x86-64-v3"), wide = *Target::parse("x86-64-v4");
  if (!wide.missingOnHost().empty())
    GTEST_SKIP() << "this machine lacks " << wide.missingOnHost().front();
  uint64_t stride = takesAllFloats() ? 1 : kStride;
  for (const char *name : {"exp", "log", "log1p", "tanh", "sigmoid", "erf", "sqrt", "rsqrt", "sin", "cos"}) {
    Compiled first(name, 1, narrow), second(name, 1, wide);
    std::vector<float> x(kBlock), y(kBlock), z(kBlock);
    for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += kBlock * stride) {
      for (int64_t i = 0; i < kBlock; ++i)
        x[i] = std::bit_cast<float>(uint32_t(std::min<uint64_t>(bits + i * stride, UINT32_MAX)));
      first({x.data(), y.data()});
      second({x.data(), z.data()});
      auto [one, other] = std::mismatch(y.begin(), y.end(), z.begin(), haveSameBits);
      ASSERT_TRUE(one == y.end()) << name << " of " << x[one - y.begin()] << " is " << *one << " and " << *other;
    }
  }
}

/// A result that becomes too small takes the processor a hundred times as long: masked entries must not.
TEST(ApproximateMathMaskedTest, ExpOfMaskedEntriesDoesNotUnderflow) {
  for (const char *cpu : {"x86-64-v3", "x86-64-v4"}) {
    Target target = *Target::parse(cpu);
    if (!target.missingOnHost().empty())
      continue;
    Compiled exp("exp", 1, target);
    std::vector<float> x(kBlock, -104.5f), y(kBlock, 1);
    x[1] = -3.4028235e38f, x[2] = -INFINITY, x[3] = 0;
    std::feclearexcept(FE_ALL_EXCEPT);
    exp({x.data(), y.data()});
    EXPECT_FALSE(std::fetestexcept(FE_UNDERFLOW)) << cpu;
    EXPECT_EQ(y[0], 0) << cpu;
    EXPECT_EQ(y[3], 1) << cpu;
    // That it would be seen.
    x[0] = -100;
    exp({x.data(), y.data()});
    EXPECT_TRUE(std::fetestexcept(FE_UNDERFLOW)) << cpu;
  }
}

double rsqrt(double x) { return 1 / std::sqrt(x); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

using namespace reference;
const MathCase kCases[] = {{"exp", std::exp, kExpUlps},        {"log", std::log, kLogUlps},
                           {"log1p", std::log1p, kLog1pUlps},  {"tanh", std::tanh, kTanhUlps},
                           {"sigmoid", sigmoid, kSigmoidUlps}, {"erf", std::erf, kErfUlps},
                           {"sqrt", std::sqrt, kSqrtUlps},     {"rsqrt", rsqrt, kRsqrtUlps},
                           {"sin", std::sin, kSineUlps},       {"cos", std::cos, kSineUlps}};
const char *const kTargets[] = {"x86-64-v3", "x86-64-v4"};

INSTANTIATE_TEST_SUITE_P(Functions, ApproximateMathTest,
                         testing::Combine(testing::ValuesIn(kCases), testing::ValuesIn(kTargets)),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param).name) +
                                  (std::string(std::get<1>(info.param)) == "x86-64-v4" ? "512" : "256");
                         });

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

class ApproximatePowerTest : public testing::TestWithParam<const char *> {};

/// Numbers of all kinds: any bits, near 1, small integers, halves, and those that are special.
float sample(std::mt19937 &engine) {
  static const float specials[] = {0.0f,   -0.0f,   1.0f,          -1.0f,       INFINITY,   -INFINITY, NAN,
                                   1e-45f, -1e-45f, 3.4028235e38f, 0.5f,        -0.5f,      2.0f,      -2.0f,
                                   3.0f,   -3.0f,   1e-38f,        16777215.0f, 16777216.0f};
  switch (engine() % 8) {
  case 0:
    return std::bit_cast<float>(uint32_t(engine()));
  case 1:
    return specials[engine() % std::size(specials)];
  case 2:
    return float(int(engine() % 41) - 20);
  case 3:
    return float(int(engine() % 41) - 20) / 2;
  case 4:
    return 1 + std::bit_cast<float>(uint32_t(0x33000000 + engine() % 0x08000000));
  case 5:
    return 1 - std::bit_cast<float>(uint32_t(0x33000000 + engine() % 0x08000000));
  default:
    return std::ldexp(1 + float(engine() & 0x7fffff) / 8388608, int(engine() % 24) - 12) * (engine() % 4 ? 1 : -1);
  }
}

TEST_P(ApproximatePowerTest, IsCloseToTheExactResult) {
  Target target = *Target::parse(GetParam());
  if (!target.missingOnHost().empty())
    GTEST_SKIP() << "this machine lacks " << target.missingOnHost().front();
  Compiled function("pow", 2, target);
  std::vector<float> x(kBlock), y(kBlock), z(kBlock);
  std::mt19937 engine(1);
  Worst worst;
  int64_t blocks = takesAllFloats() ? 1 << 17 : 64;
  for (int64_t block = 0; block < blocks; ++block) {
    for (int64_t i = 0; i < kBlock; ++i)
      x[i] = sample(engine), y[i] = sample(engine);
    function({x.data(), y.data(), z.data()});
    for (int64_t i = 0; i < kBlock; ++i) {
      double exact = std::pow(double(x[i]), double(y[i]));
      worst.note(errorInUnits(z[i], exact), x[i], y[i], z[i], exact);
    }
  }
  if (takesAllFloats())
    printf("%-8s %-10s %.3f ulp at %.9g, %.9g: %.9g, exactly %.17g\n", "pow", GetParam(), worst.error, worst.x, worst.y,
           worst.got, worst.exact);
  EXPECT_LE(worst.error, kPowUlps) << "at " << worst.x << ", " << worst.y << ": " << worst.got << ", exactly "
                                   << worst.exact;
}

INSTANTIATE_TEST_SUITE_P(Functions, ApproximatePowerTest, testing::ValuesIn(kTargets), [](const auto &info) {
  return std::string(info.param) == std::string("x86-64-v4") ? "pow512" : "pow256";
});

} // namespace
