// The polynomials that stand for functions of libm, over a strided part of all 2^32 floats: the largest error of each,
// in units in the last place, against f64.
#include "moru/Compiler/Codegen.h"
#include "moru/Compiler/Jit.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Runtime/Runtime.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <string>
#include <vector>

using namespace moru;

namespace {

/// Prime, so that all low bits occur; about half a million inputs.
constexpr uint32_t kStride = 8191;

/// In what an error is counted.
enum class Unit { LastPlace, LastPlaceOfOne };

struct MathCase {
  const char *name;
  double (*exact)(double);
  /// The largest error measured with a stride of 131, rounded up.
  double bound;
  Unit unit = Unit::LastPlace;
  /// The largest |x| at which the function is used.
  float range = INFINITY;
};

std::vector<float> inputs() {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += kStride)
    values.push_back(std::bit_cast<float>(uint32_t(bits)));
  for (float special :
       {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 1.17549435e-38f, 1e-45f, 3.4028235e38f, 88.72f, -103.97f})
    values.push_back(special);
  while (values.size() % 16)
    values.push_back(0.0f);
  return values;
}

/// `y = f(x)` for all elements, as a kernel computes it.
std::vector<float> evaluate(const std::string &operation, const std::vector<float> &x) {
  mlir::MLIRContext context;
  context.loadDialect<kernel::KernelDialect, mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                      mlir::vector::VectorDialect, mlir::arith::ArithDialect, mlir::math::MathDialect>();
  std::string type = "memref<" + std::to_string(x.size()) + "xf32>";
  std::string text = "func.func private @k(%x: " + type + ", %y: " + type +
                     R"(, %task: index) attributes {kernel.family = "map"} {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %end = arith.constant )" +
                     std::to_string(x.size()) + R"( : index
    scf.for %i = %c0 to %end step %c16 {
      %a = vector.load %x[%i] : )" +
                     type + R"(, vector<16xf32>
      %b = )" + operation +
                     R"( %a : vector<16xf32>
      vector.store %b, %y[%i] : )" +
                     type + R"(, vector<16xf32>
    }
    return
  })";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  mlir::PassManager manager(&context);
  manager.addPass(createLoopsToLLVM());
  EXPECT_TRUE(module && mlir::succeeded(manager.run(*module)));
  Codegen codegen = llvm::cantFail(Codegen::create(*module, Target::host(), CodeQuality::Optimized));
  auto jit = llvm::cantFail(Jit::create(llvm::cantFail(codegen.emitObject()), Target::host()));
  auto entry = reinterpret_cast<moru_task_fn>(llvm::cantFail(jit->lookup("k_entry")));
  std::vector<float> y(x.size());
  void *buffers[] = {const_cast<float *>(x.data()), y.data()};
  entry(buffers, 0);
  return y;
}

/// The distance in units in the last place of the exact result; a denormal's unit is that of the smallest normal
/// number.
double errorInUnits(float got, double exact, Unit unit) {
  if (std::isnan(exact) || std::isnan(got))
    return std::isnan(exact) && std::isnan(got) ? 0 : INFINITY;
  float rounded = float(exact);
  if (std::isinf(rounded) || std::isinf(got))
    return rounded == got ? 0 : INFINITY;
  if (unit == Unit::LastPlaceOfOne)
    return std::abs(double(got) - exact) * 8388608;
  int exponent = std::max(std::ilogb(std::max(std::abs(exact), 1.17549435e-38)), -126);
  return std::abs(double(got) - exact) / std::ldexp(1.0, exponent - 23);
}

class ApproximateMathTest : public testing::TestWithParam<MathCase> {};

TEST_P(ApproximateMathTest, IsCloseToTheExactResult) {
  const MathCase &test = GetParam();
  std::vector<float> x = inputs(), y = evaluate(std::string("math.") + test.name, x);
  double worst = 0;
  float where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isnan(x[i]) && std::abs(x[i]) > test.range)
      continue;
    double error = errorInUnits(y[i], test.exact(x[i]), test.unit);
    if (error > worst)
      worst = error, where = x[i];
  }
  RecordProperty("worst", std::to_string(worst));
  EXPECT_LE(worst, test.bound) << test.name << " at " << where;
}

double rsqrt(double x) { return 1 / std::sqrt(x); }

// Near a multiple of pi the result is small and its error is not: sine and cosine are bounded absolutely.
const MathCase kCases[] = {{"exp", std::exp, 1.1},
                           {"exp2", std::exp2, 1.1},
                           {"expm1", std::expm1, 2.6},
                           {"log", std::log, 1.1},
                           {"log2", std::log2, 1.8},
                           {"log1p", std::log1p, 2.6},
                           {"tanh", std::tanh, 5},
                           {"erf", std::erf, 4.5},
                           {"sqrt", std::sqrt, 0.501},
                           {"rsqrt", rsqrt, 1.6},
                           {"round", std::round, 0},
                           {"sin", std::sin, 0.6, Unit::LastPlaceOfOne, 100000},
                           {"cos", std::cos, 0.6, Unit::LastPlaceOfOne, 100000}};

INSTANTIATE_TEST_SUITE_P(Functions, ApproximateMathTest, testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
