// A matrix product alone.

#include "moru/Train/GemmBenchmark.h"

#include "moru/DSL/Compile.h"
#include "moru/DSL/Moru.h"
#include "moru/Support/Clock.h"
#include "moru/Support/Files.h"
#include "moru/Support/Philox.h"
#include "moru/Train/Calibration.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace moru {

static HostTensor drawMatrix(int64_t rows, int64_t columns, uint32_t stream) {
  HostTensor matrix(ElementType::F32, {rows, columns});
  for (int64_t i = 0; i < matrix.numElements(); ++i)
    matrix.data<float>()[i] = 2 * philoxUniform(1, stream, 0, uint64_t(i)) - 1;
  return matrix;
}

static double medianOf(std::vector<double> values) {
  sort(values);
  return (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
}

namespace {
/// Time in kernels that multiply, within one call.
struct ProductTime {
  Executable *executable;
  double milliseconds = 0;
};
} // namespace

static Dims lay(int64_t rows, int64_t columns, bool transposes) {
  return transposes ? Dims{columns, rows} : Dims{rows, columns};
}

Expected<json::Object> benchmarkGemm(const GemmShape &gemm, const CompileOptions &options) {
  auto [rows, columns, depth, transposesA, transposesB, isFresh] = gemm;
  HostTensor a = drawMatrix(transposesA ? depth : rows, transposesA ? rows : depth, 1);
  HostTensor b = drawMatrix(transposesB ? columns : depth, transposesB ? depth : columns, 2);
  Program program;
  nn::Module module;
  std::optional<Tensor> parameter;
  if (!isFresh)
    parameter = module.parameter("b", lay(depth, columns, transposesB), init::zeros());
  program.function("gemm", [&](Function &function) {
    Tensor lhs = function.input("a", f32(lay(rows, depth, transposesA)));
    Tensor rhs = isFresh ? function.input("b", f32(lay(depth, columns, transposesB))) : *parameter;
    Tensor product = matmul(transposesA ? transpose(lhs) : lhs, transposesB ? transpose(rhs) : rhs);
    function.output("c", product.named("product"));
  });
  Result<Executable> executable = compile(program, options);
  if (!executable)
    return makeError(executable.message());
  std::vector<NamedInput> inputs = {{"a", a}};
  if (isFresh)
    inputs.push_back({"b", b});
  else if (Result<void> set = executable->set("b", b); !set)
    return makeError(set.message());
  ProductTime product{&*executable};
  executable->setProfile(
      [](void *data, moru_task_fn entry, int64_t, uint64_t begin, uint64_t end) {
        auto &product = *static_cast<ProductTime *>(data);
        if (const LoadedKernel *kernel = product.executable->findKernel(entry); kernel->cost.contractionFlops)
          product.milliseconds += double(end - begin) / 1e6;
      },
      &product);

  CalibratedRun machine;
  int64_t bytes = a.sizeInBytes() + b.sizeInBytes() + 4 * rows * columns;
  if (Error error = machine.calibrate(options, executable->threads(), bytes))
    return error;
  constexpr double kSeconds = 1.0 / 3;
  constexpr size_t kWarmup = 3, kLeastCalls = 5;
  std::vector<double> whole, products;
  Clock::time_point start = Clock::now();
  for (size_t call = 0; call < kWarmup + kLeastCalls || secondsSince(start) < kSeconds; ++call) {
    if (call == kWarmup)
      start = Clock::now();
    product.milliseconds = 0;
    Clock::time_point begin = Clock::now();
    if (Outputs outputs = executable->run("gemm", inputs); !outputs)
      return makeError(outputs.message());
    if (call >= kWarmup) {
      whole.push_back(secondsSince(begin) * 1e3);
      products.push_back(product.milliseconds);
    }
  }
  if (Error error = machine.calibrate(options, executable->threads(), bytes))
    return error;
  double flops = 2 * double(rows) * double(columns) * double(depth), milliseconds = medianOf(whole);
  std::string shape = std::to_string(rows) + "x" + std::to_string(columns) + "x" + std::to_string(depth);
  return json::Object{{"peer", "gemm"},
                      {"library", "moru"},
                      {"precision", StringRef(toString(options.precision))},
                      {"threads", executable->threads()},
                      {"shape", shape},
                      {"median_ms", milliseconds},
                      {"gflops", flops / milliseconds / 1e6},
                      {"product_ms", medianOf(products)},
                      {"product_gflops", flops / medianOf(products) / 1e6},
                      {"fma_share", flops / milliseconds * 1e3 / machine.get()->vectorFlops},
                      {"product_fma_share", flops / medianOf(products) * 1e3 / machine.get()->vectorFlops},
                      {"calibration", machine.toJson()}};
}

} // namespace moru
