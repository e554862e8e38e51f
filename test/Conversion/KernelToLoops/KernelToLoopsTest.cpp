// Kernels of every family, compiled for both widths of vectors and run, against the Reference within the error that its
// own bounds allow. Entries that a strided buffer skips must stay as they were.

#include "moru/Conversion/KernelToLoops/KernelToLoops.h"
#include "moru/Compiler/Codegen.h"
#include "moru/Compiler/Jit.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Runtime/Runtime.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <random>

using namespace mlir;
using namespace moru;
using namespace moru::kernel;
using reference::Tensor;

namespace {

/// Storage of one buffer, every byte of it filled.
struct Storage {
  BufferType type;
  std::vector<char> bytes;
  /// Room on both sides that nothing may touch.
  static constexpr size_t kGuard = 256;

  explicit Storage(BufferType type) : type(type), bytes(type.getSizeInBytes() + 2 * kGuard + 64, char(0x7f)) {}

  char *data() { return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(bytes.data()) + kGuard + 63) / 64 * 64); }

  /// Every byte, the guards included.
  std::vector<char> snapshot() { return std::vector<char>(data() - kGuard, data() + type.getSizeInBytes() + kGuard); }

  void restore(const std::vector<char> &bytes) { std::copy(bytes.begin(), bytes.end(), data() - kGuard); }

  /// Where entry `index`, in row-major order, lies.
  int64_t place(int64_t index) const {
    ArrayRef<int64_t> shape = type.getShape();
    SmallVector<int64_t> digits(shape.size());
    for (int64_t axis = int64_t(shape.size()) - 1; axis >= 0; --axis)
      digits[axis] = index % shape[axis], index /= shape[axis];
    int64_t width = type.getPanelWidth();
    if (!width) {
      int64_t address = 0;
      for (auto [digit, stride] : llvm::zip(digits, type.getStrides()))
        address += digit * stride;
      return address;
    }
    int64_t batch = 0, rank = shape.size();
    for (int64_t axis = 0; axis < rank - 2; ++axis)
      batch = batch * shape[axis] + digits[axis];
    int64_t panels = (shape[rank - 1] + width - 1) / width, n = digits[rank - 1];
    return ((batch * panels + n / width) * shape[rank - 2] + digits[rank - 2]) * width + n % width;
  }

  template <typename T> T &at(int64_t index) { return reinterpret_cast<T *>(data())[place(index)]; }

  double get(int64_t index) {
    Type element = type.getElementType();
    if (element.isF32())
      return at<float>(index);
    if (element.isF64())
      return at<double>(index);
    if (element.isBF16())
      return at<BFloat16>(index).toFloat();
    if (element.isInteger(32))
      return at<int32_t>(index);
    if (element.isInteger(64))
      return double(at<int64_t>(index));
    return at<int8_t>(index);
  }

  void set(int64_t index, double value) {
    Type element = type.getElementType();
    if (element.isF32())
      at<float>(index) = float(value);
    else if (element.isF64())
      at<double>(index) = value;
    else if (element.isBF16())
      at<BFloat16>(index) = BFloat16::fromFloat(float(value));
    else if (element.isInteger(32))
      at<int32_t>(index) = int32_t(value);
    else if (element.isInteger(64))
      at<int64_t>(index) = int64_t(value);
    else
      at<int8_t>(index) = value != 0;
  }
};

class KernelToLoopsTest : public testing::TestWithParam<int> {
protected:
  KernelToLoopsTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    std::string name = GetParam() == 512 ? "x86-64-v4" : "x86-64-v3";
    Result<Target> parsed = Target::parse(name);
    target = *parsed;
  }

  void SetUp() override {
    if (std::vector<std::string> missing = target.missingOnHost(); !missing.empty())
      GTEST_SKIP() << "this machine lacks " << missing.front();
  }

  /// Numbers with which every operation is defined; ids partly outside of any table.
  Tensor random(RankedTensorType type) {
    Tensor tensor(type);
    for (int64_t i = 0; i < tensor.size(); ++i) {
      if (type.getElementType().isF32())
        tensor.set(i, float(std::uniform_real_distribution<float>(-2, 2)(engine)));
      else if (type.getElementType().isBF16())
        tensor.set(i, int(engine() % 65) / 16.0 - 2);
      else if (isa<FloatType>(type.getElementType()))
        tensor.set(i, std::uniform_real_distribution<double>(-2, 2)(engine));
      else if (type.getElementType().isInteger(1))
        tensor.set(i, int(engine() % 2));
      else
        tensor.set(i, int(engine() % 12) - 2);
    }
    return tensor;
  }

  /// Compiles the only function of `text`, which holds one kernel, and compares what it stores.
  void check(const std::string &text) {
    SCOPED_TRACE(text);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    auto function = *module->getOps<func::FuncOp>().begin();
    ComputeOp compute = *function.getOps<ComputeOp>().begin();
    std::vector<Storage> storages;
    for (Type type : function.getArgumentTypes())
      storages.emplace_back(cast<BufferType>(type));
    auto storageOf = [&](Value buffer) { return cast<BlockArgument>(buffer).getArgNumber(); };
    SmallVector<Tensor> reads;
    for (Value read : compute.getReads()) {
      Storage &storage = storages[storageOf(read)];
      Tensor tensor = random(storage.type.getTensorType());
      for (int64_t i = 0; i < tensor.size(); ++i)
        storage.set(i, tensor.at(i));
      reads.push_back(tensor);
    }
    reference::EvaluateOptions options;
    options.bounds = reference::Bounds::Declared;
    auto expected = reference::evaluateBlock(*compute.getBodyBlock(), reads, options);
    ASSERT_TRUE(succeeded(expected));
    std::vector<unsigned> written;
    for (Value write : compute.getWrites())
      written.push_back(storageOf(write));
    std::vector<std::vector<char>> before;
    for (Storage &storage : storages)
      before.push_back(storage.snapshot());

    PassManager manager(&context);
    KernelToLoopsOptions loops;
    loops.vectorBits = target.vectorBits;
    loops.vectorRegisters = target.vectorRegisters;
    manager.addPass(createKernelToLoops(loops));
    manager.addPass(createLoopsToLLVM());
    ASSERT_TRUE(succeeded(manager.run(*module)));
    auto codegen = Codegen::create(*module, target, CodeQuality::Optimized);
    ASSERT_TRUE(bool(codegen)) << llvm::toString(codegen.takeError());
    auto object = codegen->emitObject();
    ASSERT_TRUE(bool(object)) << llvm::toString(object.takeError());
    auto jit = Jit::create(*object, target);
    ASSERT_TRUE(bool(jit)) << llvm::toString(jit.takeError());
    auto entry = (*jit)->lookup("f");
    ASSERT_TRUE(bool(entry)) << llvm::toString(entry.takeError());
    std::vector<void *> arguments;
    for (Storage &storage : storages)
      arguments.push_back(storage.data());
    auto run = [&](int threads) {
      for (auto [storage, bytes] : llvm::zip(storages, before))
        storage.restore(bytes);
      moru_error error;
      moru_context *runtime = moru_context_create(64, threads, &error);
      ASSERT_TRUE(runtime) << error.message;
      reinterpret_cast<moru_function>(*entry)(runtime, arguments.data());
      moru_context_destroy(runtime);
    };
    // The same bits with any number of threads.
    run(1);
    std::vector<std::vector<char>> alone;
    for (Storage &storage : storages)
      alone.push_back(storage.snapshot());
    run(3);
    for (auto [storage, bytes] : llvm::zip(storages, alone))
      EXPECT_EQ(storage.snapshot(), bytes) << "other bits with more threads";

    for (auto [number, tensor] : llvm::zip(written, *expected))
      compare(storages[number], tensor);
    for (auto [k, storage] : llvm::enumerate(storages))
      compareRest(storage, before[k], llvm::is_contained(written, k));
  }

  void compare(Storage &storage, const Tensor &expected) {
    int64_t wrong = 0;
    for (int64_t i = 0; i < expected.size(); ++i) {
      double got = storage.get(i), want = expected.at(i);
      // Polynomials in place of functions of libm: a few units beyond the bound of correct rounding.
      double allowed = 4 * expected.bound(i) + 2e-6 * std::abs(want) + 1e-7;
      if (!expected.isFloat())
        allowed = 0;
      if ((std::abs(got - want) <= allowed) || (std::isnan(got) && std::isnan(want)) || got == want)
        continue;
      if (++wrong <= 3)
        ADD_FAILURE() << "entry " << i << ": expected " << want << ", got " << got << ", allowed difference "
                      << allowed;
    }
    EXPECT_EQ(wrong, 0);
  }

  /// What does not belong to the tensor, and every buffer that is only read, is as it was.
  void compareRest(Storage &storage, const std::vector<char> &before, bool written) {
    std::vector<char> after = storage.snapshot();
    std::vector<bool> mine(after.size(), false);
    int64_t size = storage.type.getElementBytes(), guard = Storage::kGuard;
    if (written) {
      for (int64_t i = 0, count = storage.type.getTensorType().getNumElements(); i < count; ++i)
        for (int64_t b = 0; b < size; ++b)
          mine[guard + storage.place(i) * size + b] = true;
      if (storage.type.getPanelWidth())
        for (int64_t i = 0; i < storage.type.getSizeInBytes(); ++i)
          mine[guard + i] = true;
    }
    for (size_t i = 0; i < after.size(); ++i)
      if (!mine[i]) {
        ASSERT_EQ(after[i], before[i]) << "byte " << int64_t(i) - guard << " changed";
      }
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  Target target;
  std::mt19937 engine{1};
};

/// `kernel(family, {{"a", "buffer"}, …}, {"buffer", …}, body)`: the text of a function with one kernel; writes are %w0,
/// ….
struct Buffer {
  std::string name, type;
};

std::string kernel(const std::string &family, const std::vector<Buffer> &reads, const std::vector<std::string> &writes,
                   const std::string &body) {
  std::string arguments, bindings, readTypes, writeNames, writeTypes;
  auto join = [](std::string &list, const std::string &item) { list += (list.empty() ? "" : ", ") + item; };
  for (const Buffer &read : reads) {
    std::string type = "!kernel.buffer<" + read.type + ">";
    join(arguments, "%b" + read.name + ": " + type);
    join(bindings, "%" + read.name + " = %b" + read.name);
    join(readTypes, type);
  }
  for (size_t i = 0; i < writes.size(); ++i) {
    // "@a": in place of what is read as %a.
    if (writes[i][0] == '@') {
      std::string name = writes[i].substr(1);
      join(writeNames, "%b" + name);
      for (const Buffer &read : reads)
        if (read.name == name)
          join(writeTypes, "!kernel.buffer<" + read.type + ">");
      continue;
    }
    std::string type = "!kernel.buffer<" + writes[i] + ">", name = "%w" + std::to_string(i);
    join(arguments, name + ": " + type);
    join(writeNames, name);
    join(writeTypes, type);
  }
  return "func.func @f(" + arguments + ") attributes {kernel.arena = 0 : i64} {\n  kernel.compute " + family +
         " \"test\" reads(" + bindings + ") writes(" + writeNames + ") : (" + readTypes + ") -> (" + writeTypes +
         ") {\n" + body + "\n  }\n  return\n}\n";
}

std::string str(int64_t number) { return std::to_string(number); }

//===----------------------------------------------------------------------===//
// map
//===----------------------------------------------------------------------===//

constexpr int64_t kSizes[] = {1, 3, 5, 17, 53, 320};

TEST_P(KernelToLoopsTest, mapsRowMajorShapesOfAnySize) {
  for (int64_t rows : kSizes)
    for (int64_t columns : kSizes) {
      std::string type = str(rows) + "x" + str(columns) + "xf32";
      check(kernel("map", {{"a", type}, {"b", type}}, {type},
                   "%0 = graph.mul %a, %b : tensor<" + type + ">\n%1 = graph.add %0, %a : tensor<" + type +
                       ">\nkernel.yield %1 : tensor<" + type + ">"));
    }
}

TEST_P(KernelToLoopsTest, mapsScalars) {
  check(kernel("map", {{"a", "f32"}}, {"f32"}, R"(
      %half = graph.constant dense<0.5> : tensor<f32>
      %0 = graph.mul %a, %half : tensor<f32>
      %1 = graph.exp %0 : tensor<f32>
      kernel.yield %1 : tensor<f32>)"));
}

TEST_P(KernelToLoopsTest, broadcastsBiases) {
  for (int64_t columns : kSizes) {
    std::string c = str(columns), wide = "tensor<7x6x" + c + "xf32>";
    check(kernel("map", {{"a", "7x6x" + c + "xf32"}, {"b", c + "xf32"}, {"s", "f32"}, {"r", "7x6x1xf32"}},
                 {"7x6x" + c + "xf32"},
                 "%0 = graph.broadcast %b along [2] : tensor<" + c + "xf32> -> " + wide +
                     "\n%1 = graph.broadcast %s along [] : tensor<f32> -> " + wide +
                     "\n%2 = graph.broadcast %r along [0, 1, 2] : tensor<7x6x1xf32> -> " + wide +
                     "\n%3 = graph.add %a, %0 : " + wide + "\n%4 = graph.mul %3, %1 : " + wide +
                     "\n%5 = graph.sub %4, %2 : " + wide + "\nkernel.yield %5 : " + wide));
  }
}

TEST_P(KernelToLoopsTest, mapsStridedBuffers) {
  check(kernel("map", {{"a", "5x10x19xf32, strided<[209, 19, 1]>"}}, {"5x10x19xf32, strided<[300, 30, 1]>"}, R"(
      %0 = graph.tanh %a : tensor<5x10x19xf32>
      kernel.yield %0 : tensor<5x10x19xf32>)"));
  check(kernel("map", {{"a", "5x19xf32, strided<[2, 10]>"}}, {"5x19xf32"}, R"(
      %0 = graph.sigmoid %a : tensor<5x19xf32>
      kernel.yield %0 : tensor<5x19xf32>)"));
}

TEST_P(KernelToLoopsTest, updatesInPlace) {
  check(kernel("map", {{"p", "33x65xf32"}, {"g", "33x65xf32"}}, {"@p"}, R"(
      %0 = graph.sub %p, %g : tensor<33x65xf32>
      kernel.yield %0 : tensor<33x65xf32>)"));
}

TEST_P(KernelToLoopsTest, knowsEveryElementwiseOperation) {
  check(kernel("map", {{"a", "3x37xf32"}, {"b", "3x37xf32"}}, {"3x37xf32", "3x37xf32", "3x37xf32", "3x37xf32"}, R"(
      %abs = graph.abs %a : tensor<3x37xf32>
      %one = graph.constant dense<1.0> : tensor<3x37xf32>
      %positive = graph.add %abs, %one : tensor<3x37xf32>
      %log = graph.log %positive : tensor<3x37xf32>
      %sqrt = graph.sqrt %positive : tensor<3x37xf32>
      %rsqrt = graph.rsqrt %positive : tensor<3x37xf32>
      %s = graph.add %sqrt, %rsqrt : tensor<3x37xf32>
      %sin = graph.sin %a : tensor<3x37xf32>
      %cos = graph.cos %b : tensor<3x37xf32>
      %t = graph.mul %sin, %cos : tensor<3x37xf32>
      %neg = graph.neg %b : tensor<3x37xf32>
      %max = graph.maximum %a, %neg : tensor<3x37xf32>
      %min = graph.minimum %max, %b : tensor<3x37xf32>
      %pow0 = graph.pow %positive, %b : tensor<3x37xf32>
      %erf = graph.erf %b : tensor<3x37xf32>
      %log1p = graph.log1p %abs : tensor<3x37xf32>
      %e = graph.add %erf, %log1p : tensor<3x37xf32>
      %pow = graph.add %pow0, %e : tensor<3x37xf32>
      %u = graph.div %pow, %positive : tensor<3x37xf32>
      %v = graph.add %min, %u : tensor<3x37xf32>
      kernel.yield %log, %s, %t, %v : tensor<3x37xf32>, tensor<3x37xf32>, tensor<3x37xf32>, tensor<3x37xf32>)"));
}

TEST_P(KernelToLoopsTest, knowsEveryFunctionInF64AndBF16) {
  for (const std::string element : {"f64", "bf16"}) {
    std::string type = "3x21x" + element, tensor = " : tensor<" + type + ">\n";
    std::string body = "%abs = graph.abs %a" + tensor;
    for (const std::string name : {"exp", "tanh", "sigmoid", "erf", "sin", "cos"})
      body += "%" + name + " = graph." + name + " %a" + tensor;
    for (const std::string name : {"log1p", "sqrt"})
      body += "%" + name + " = graph." + name + " %abs" + tensor;
    std::string results, types;
    std::vector<std::string> writes;
    for (const std::string name : {"exp", "tanh", "sigmoid", "erf", "sin", "cos", "log1p", "sqrt"}) {
      results += (results.empty() ? "%" : ", %") + name;
      types += (types.empty() ? "tensor<" : ", tensor<") + type + ">";
      writes.push_back(type);
    }
    check(kernel("map", {{"a", type}}, writes, body + "kernel.yield " + results + " : " + types));
  }
}

TEST_P(KernelToLoopsTest, mixesElementTypes) {
  check(kernel("map", {{"i", "9x21xi32"}, {"l", "9x21xi64"}, {"d", "9x21xf64"}, {"f", "9x21xf32"}, {"c", "9x21xi1"}},
               {"9x21xf32", "9x21xi32", "9x21xi64", "9x21xf64", "9x21xi1"}, R"(
      %0 = graph.convert %i : tensor<9x21xi32> -> tensor<9x21xf32>
      %1 = graph.convert %d : tensor<9x21xf64> -> tensor<9x21xf32>
      %2 = graph.add %0, %1 : tensor<9x21xf32>
      %3 = graph.select %c, %2, %f : tensor<9x21xi1>, tensor<9x21xf32>
      %4 = graph.convert %l : tensor<9x21xi64> -> tensor<9x21xi32>
      %5 = graph.div %i, %4 : tensor<9x21xi32>
      %6 = graph.convert %f : tensor<9x21xf32> -> tensor<9x21xi64>
      %7 = graph.mul %6, %l : tensor<9x21xi64>
      %8 = graph.mul %d, %d : tensor<9x21xf64>
      %9 = graph.compare lt %f, %0 : tensor<9x21xf32> -> tensor<9x21xi1>
      %10 = graph.not %c : tensor<9x21xi1>
      %11 = graph.and %9, %10 : tensor<9x21xi1>
      kernel.yield %3, %5, %7, %8, %11 : tensor<9x21xf32>, tensor<9x21xi32>, tensor<9x21xi64>, tensor<9x21xf64>, tensor<9x21xi1>)"));
}

TEST_P(KernelToLoopsTest, computesBf16InF32) {
  check(kernel("map", {{"a", "9x21xbf16"}, {"b", "9x21xf32"}}, {"9x21xbf16", "9x21xf32"}, R"(
      %0 = graph.convert %b : tensor<9x21xf32> -> tensor<9x21xbf16>
      %1 = graph.mul %a, %0 : tensor<9x21xbf16>
      %2 = graph.convert %a : tensor<9x21xbf16> -> tensor<9x21xf32>
      %3 = graph.add %2, %b : tensor<9x21xf32>
      kernel.yield %1, %3 : tensor<9x21xbf16>, tensor<9x21xf32>)"));
  check(kernel("row_reduce", {{"a", "9x53xbf16"}}, {"9xbf16"}, R"(
      %0 = graph.reduce_max %a over [1] : tensor<9x53xbf16> -> tensor<9xbf16>
      kernel.yield %0 : tensor<9xbf16>)"));
}

TEST_P(KernelToLoopsTest, convertsWithSaturation) {
  check(kernel("map", {{"a", "3x21xf32"}}, {"3x21xi32", "3x21xi64"}, R"(
      %big = graph.constant dense<2147483648.0> : tensor<3x21xf32>
      %huge = graph.constant dense<9223372036854775808.0> : tensor<3x21xf32>
      %0 = graph.mul %a, %big : tensor<3x21xf32>
      %1 = graph.convert %0 : tensor<3x21xf32> -> tensor<3x21xi32>
      %2 = graph.mul %a, %huge : tensor<3x21xf32>
      %zero = graph.constant dense<0.0> : tensor<3x21xf32>
      %nan = graph.div %zero, %zero : tensor<3x21xf32>
      %c = graph.compare lt %a, %zero : tensor<3x21xf32> -> tensor<3x21xi1>
      %3 = graph.select %c, %nan, %2 : tensor<3x21xi1>, tensor<3x21xf32>
      %4 = graph.convert %3 : tensor<3x21xf32> -> tensor<3x21xi64>
      kernel.yield %1, %4 : tensor<3x21xi32>, tensor<3x21xi64>)"));
}

TEST_P(KernelToLoopsTest, slicesPadsAndConcatenates) {
  check(kernel("map", {{"a", "4x50xf32"}, {"b", "4x7xf32"}, {"c", "2x57xf32"}}, {"6x60xf32"}, R"(
      %0 = graph.concat %a, %b along 1 : (tensor<4x50xf32>, tensor<4x7xf32>) -> tensor<4x57xf32>
      %1 = graph.concat %0, %c along 0 : (tensor<4x57xf32>, tensor<2x57xf32>) -> tensor<6x57xf32>
      %2 = graph.pad %1 low [0, 2] high [0, 1] interior [0, 0] : tensor<6x57xf32> -> tensor<6x60xf32>
      kernel.yield %2 : tensor<6x60xf32>)"));
  check(kernel("map", {{"a", "5x9x20xf32"}}, {"4x3x13xf32"}, R"(
      %0 = graph.slice %a from [1, 1, 3] to [5, 9, 16] by [1, 3, 1] : tensor<5x9x20xf32> -> tensor<4x3x13xf32>
      kernel.yield %0 : tensor<4x3x13xf32>)"));
  check(kernel("map", {{"a", "3x9xf32"}}, {"8x22xf32"}, R"(
      %0 = graph.pad %a low [1, 2] high [2, 3] interior [1, 1] : tensor<3x9xf32> -> tensor<8x22xf32>
      kernel.yield %0 : tensor<8x22xf32>)"));
  check(kernel("map", {{"a", "3x32x16xf32"}}, {"3x32x64xf32"}, R"(
      %0 = graph.pad %a low [0, 0, 16] high [0, 0, 32] interior [0, 0, 0] : tensor<3x32x16xf32> -> tensor<3x32x64xf32>
      kernel.yield %0 : tensor<3x32x64xf32>)"));
}

TEST_P(KernelToLoopsTest, reshapesAndTransposes) {
  check(kernel("map", {{"a", "6x35xf32"}}, {"21x10xf32"}, R"(
      %0 = graph.reshape %a : tensor<6x35xf32> -> tensor<21x10xf32>
      %1 = graph.exp %0 : tensor<21x10xf32>
      kernel.yield %1 : tensor<21x10xf32>)"));
  for (int64_t rows : {3, 16, 53, 320})
    for (int64_t columns : {5, 16, 33, 77}) {
      std::string from = str(rows) + "x" + str(columns) + "xf32", to = str(columns) + "x" + str(rows) + "xf32";
      check(kernel("map", {{"a", from}}, {to},
                   "%0 = graph.transpose %a by [1, 0] : tensor<" + from + "> -> tensor<" + to +
                       ">\nkernel.yield %0 : tensor<" + to + ">"));
    }
  check(kernel("map", {{"a", "2x10x4x24xf32"}}, {"2x4x24x10xf32", "2x4x24x10xf32"}, R"(
      %0 = graph.transpose %a by [0, 2, 3, 1] : tensor<2x10x4x24xf32> -> tensor<2x4x24x10xf32>
      %1 = graph.neg %0 : tensor<2x4x24x10xf32>
      kernel.yield %0, %1 : tensor<2x4x24x10xf32>, tensor<2x4x24x10xf32>)"));
}

TEST_P(KernelToLoopsTest, fillsPanels) {
  for (int64_t depth : {1, 5, 40})
    for (int64_t columns : {1, 16, 31, 32, 53, 100}) {
      std::string type = str(depth) + "x" + str(columns) + "xf32";
      check(kernel("map", {{"a", type}}, {type + ", #kernel.panels<32>"}, "kernel.yield %a : tensor<" + type + ">"));
      std::string from = str(columns) + "x" + str(depth) + "xf32";
      check(kernel("map", {{"a", from}}, {type + ", #kernel.panels<32>", type},
                   "%0 = graph.transpose %a by [1, 0] : tensor<" + from + "> -> tensor<" + type +
                       ">\nkernel.yield %0, %0 : tensor<" + type + ">, tensor<" + type + ">"));
    }
  check(kernel("map", {{"a", "3x2x7x50xf32"}}, {"3x2x7x50xf32, #kernel.panels<16>"}, R"(
      %0 = graph.neg %a : tensor<3x2x7x50xf32>
      kernel.yield %0 : tensor<3x2x7x50xf32>)"));
  // Read from panels.
  check(kernel("map", {{"a", "7x50xf32, #kernel.panels<16>"}}, {"7x50xf32", "7x50xf32, #kernel.panels<32>"}, R"(
      %0 = graph.neg %a : tensor<7x50xf32>
      kernel.yield %0, %0 : tensor<7x50xf32>, tensor<7x50xf32>)"));
}

TEST_P(KernelToLoopsTest, gathersRows) {
  check(kernel("map", {{"t", "9x37xf32"}, {"i", "4x6xi32"}}, {"4x6x37xf32"}, R"(
      %0 = graph.gather %t[%i] : tensor<9x37xf32>, tensor<4x6xi32> -> tensor<4x6x37xf32>
      kernel.yield %0 : tensor<4x6x37xf32>)"));
  check(kernel("map", {{"t", "9xf32"}, {"i", "4x6xi64"}}, {"4x6xf32"}, R"(
      %0 = graph.gather %t[%i] : tensor<9xf32>, tensor<4x6xi64> -> tensor<4x6xf32>
      kernel.yield %0 : tensor<4x6xf32>)"));
}

TEST_P(KernelToLoopsTest, countsAndHoldsConstants) {
  check(kernel("map", {{"t", "5x19xi32"}}, {"5x19xf32", "5x19xf32"}, R"(
      %i = graph.iota along 1 : tensor<5x19xi32>
      %c = graph.compare le %t, %i : tensor<5x19xi32> -> tensor<5x19xi1>
      %d = graph.constant dense<[0.0, 1.0, 2.0, 3.0, 5.0]> : tensor<5xf32>
      %b = graph.broadcast %d along [0] : tensor<5xf32> -> tensor<5x19xf32>
      %f = graph.iota along 0 : tensor<5x19xf32>
      %x = graph.select %c, %b, %f : tensor<5x19xi1>, tensor<5x19xf32>
      %g = graph.iota along 1 : tensor<5x19xf32>
      kernel.yield %x, %g : tensor<5x19xf32>, tensor<5x19xf32>)"));
}

//===----------------------------------------------------------------------===//
// contract
//===----------------------------------------------------------------------===//

std::string matmul(int64_t m, int64_t n, int64_t k, int64_t width) {
  std::string a = str(m) + "x" + str(k) + "xf32", b = str(k) + "x" + str(n) + "xf32",
              c = str(m) + "x" + str(n) + "xf32";
  return kernel("contract", {{"a", a}, {"b", b + ", #kernel.panels<" + str(width) + ">"}}, {c},
                "%0 = graph.contract %a, %b over [1] with [0] : tensor<" + a + ">, tensor<" + b + "> -> tensor<" + c +
                    ">\nkernel.yield %0 : tensor<" + c + ">");
}

TEST_P(KernelToLoopsTest, multipliesMatricesOfAnySize) {
  for (int64_t m : {1, 2, 5, 17, 53})
    for (int64_t n : {1, 17, 32, 53, 320})
      for (int64_t k : {1, 3, 53})
        check(matmul(m, n, k, GetParam() / 16));
  check(matmul(320, 320, 320, 32));
  check(matmul(320, 100, 700, 32));
  check(matmul(1, 1000, 64, 32));
  check(matmul(3, 1000, 64, 16));
}

TEST_P(KernelToLoopsTest, contractsStridedAxesAndBatches) {
  // Gradient of a weight: rows along the contracted axes, from a window of a longer sequence.
  check(kernel("contract", {{"a", "8x5x21xf32, strided<[126, 21, 1]>"}, {"b", "40x70xf32, #kernel.panels<32>"}},
               {"21x70xf32"}, R"(
      %r = graph.reshape %b : tensor<40x70xf32> -> tensor<8x5x70xf32>
      %0 = graph.contract %a, %r over [0, 1] with [0, 1] : tensor<8x5x21xf32>, tensor<8x5x70xf32> -> tensor<21x70xf32>
      kernel.yield %0 : tensor<21x70xf32>)"));
  check(kernel("contract", {{"a", "8x5x21xf32, strided<[126, 21, 1]>"}, {"b", "21x70xf32, #kernel.panels<32>"}},
               {"8x5x7x10xf32"}, R"(
      %r = graph.reshape %b : tensor<21x70xf32> -> tensor<21x7x10xf32>
      %0 = graph.contract %a, %r over [2] with [0] : tensor<8x5x21xf32>, tensor<21x7x10xf32> -> tensor<8x5x7x10xf32>
      kernel.yield %0 : tensor<8x5x7x10xf32>)"));
  check(kernel("contract", {{"a", "2x10x4x24xf32"}, {"b", "2x4x24x37xf32, #kernel.panels<32>"}}, {"2x4x10x37xf32"}, R"(
      %0 = graph.contract %a, %b over [3] with [2] batch [0, 2] with [0, 1] : tensor<2x10x4x24xf32>, tensor<2x4x24x37xf32> -> tensor<2x4x10x37xf32>
      kernel.yield %0 : tensor<2x4x10x37xf32>)"));
}

TEST_P(KernelToLoopsTest, finishesContractionsInRegisters) {
  check(kernel("contract",
               {{"a", "29x64xf32"}, {"b", "64x75xf32, #kernel.panels<32>"}, {"bias", "75xf32"}, {"x", "29x75xf32"}},
               {"29x75xf32", "@x"}, R"(
      %0 = graph.contract %a, %b over [1] with [0] : tensor<29x64xf32>, tensor<64x75xf32> -> tensor<29x75xf32>
      %1 = graph.broadcast %bias along [1] : tensor<75xf32> -> tensor<29x75xf32>
      %2 = graph.add %0, %1 : tensor<29x75xf32>
      %3 = graph.tanh %2 : tensor<29x75xf32>
      %4 = graph.add %3, %x : tensor<29x75xf32>
      kernel.yield %2, %4 : tensor<29x75xf32>, tensor<29x75xf32>)"));
}

TEST_P(KernelToLoopsTest, cutsLongSums) {
  check(kernel(
      "contract",
      {{"a", "50x60x29xf32, strided<[1920, 32, 1]>"}, {"b", "3000x75xf32, #kernel.panels<32>"}, {"bias", "75xf32"}},
      {"29x75xf32", "29x75xf32"}, R"(
      %r = graph.reshape %b : tensor<3000x75xf32> -> tensor<50x60x75xf32>
      %0 = graph.contract %a, %r over [0, 1] with [0, 1] : tensor<50x60x29xf32>, tensor<50x60x75xf32> -> tensor<29x75xf32>
      %1 = graph.broadcast %bias along [1] : tensor<75xf32> -> tensor<29x75xf32>
      %2 = graph.add %0, %1 : tensor<29x75xf32>
      %3 = graph.tanh %2 : tensor<29x75xf32>
      kernel.yield %2, %3 : tensor<29x75xf32>, tensor<29x75xf32>)"));
  // The only output is read too, so that it cannot hold sums.
  check(kernel("contract", {{"a", "29x3000xf32"}, {"b", "3000x75xf32, #kernel.panels<32>"}, {"x", "29x75xf32"}}, {"@x"},
               R"(
      %0 = graph.contract %a, %b over [1] with [0] : tensor<29x3000xf32>, tensor<3000x75xf32> -> tensor<29x75xf32>
      %1 = graph.add %0, %x : tensor<29x75xf32>
      kernel.yield %1 : tensor<29x75xf32>)"));
}

TEST_P(KernelToLoopsTest, copiesRowsIntoPanels) {
  for (int64_t n : {1, 31, 64, 200})
    check(kernel("contract", {{"a", "29x70xf32"}, {"b", "70x" + str(n) + "xf32"}}, {"29x" + str(n) + "xf32"},
                 "%0 = graph.contract %a, %b over [1] with [0] : tensor<29x70xf32>, tensor<70x" + str(n) +
                     "xf32> -> tensor<29x" + str(n) + "xf32>\nkernel.yield %0 : tensor<29x" + str(n) + "xf32>"));
  // A sum in blocks; rows that do not lie side by side; two runs of k in lhs.
  check(kernel("contract", {{"a", "29x50x60xf32"}, {"b", "50x60x75xf32, strided<[6000, 100, 1]>"}}, {"29x75xf32"}, R"(
      %0 = graph.contract %a, %b over [1, 2] with [0, 1] : tensor<29x50x60xf32>, tensor<50x60x75xf32> -> tensor<29x75xf32>
      kernel.yield %0 : tensor<29x75xf32>)"));
  check(kernel("contract", {{"a", "50x60x29xf32, strided<[1920, 32, 1]>"}, {"b", "3000x330xf32"}}, {"29x330xf32"}, R"(
      %r = graph.reshape %b : tensor<3000x330xf32> -> tensor<50x60x330xf32>
      %0 = graph.contract %a, %r over [0, 1] with [0, 1] : tensor<50x60x29xf32>, tensor<50x60x330xf32> -> tensor<29x330xf32>
      kernel.yield %0 : tensor<29x330xf32>)"));
  check(kernel("contract", {{"a", "29x31xf64"}, {"b", "31x75xf64"}}, {"29x75xf64"}, R"(
      %0 = graph.contract %a, %b over [1] with [0] : tensor<29x31xf64>, tensor<31x75xf64> -> tensor<29x75xf64>
      kernel.yield %0 : tensor<29x75xf64>)"));
}

TEST_P(KernelToLoopsTest, addsUpColumnsThatItCopies) {
  check(kernel("contract", {{"a", "29x7x10xf32"}, {"b", "7x10x200xf32"}}, {"29x200xf32", "200xf32"}, R"(
      %0 = graph.contract %a, %b over [1, 2] with [0, 1] : tensor<29x7x10xf32>, tensor<7x10x200xf32> -> tensor<29x200xf32>
      %1 = graph.reduce_sum %b over [0, 1] : tensor<7x10x200xf32> -> tensor<200xf32>
      kernel.yield %0, %1 : tensor<29x200xf32>, tensor<200xf32>)"));
  // In blocks of k, and of rows for which the panels are copied again.
  check(kernel("contract", {{"a", "300x3000xf32"}, {"b", "3000x40xf32"}}, {"300x40xf32", "40xf32"}, R"(
      %0 = graph.contract %a, %b over [1] with [0] : tensor<300x3000xf32>, tensor<3000x40xf32> -> tensor<300x40xf32>
      %1 = graph.reduce_sum %b over [0] : tensor<3000x40xf32> -> tensor<40xf32>
      kernel.yield %0, %1 : tensor<300x40xf32>, tensor<40xf32>)"));
  // Rows that are not one run.
  check(
      kernel("contract", {{"a", "5x9x70xf32, strided<[800, 80, 1]>"}, {"b", "70x40xf32"}}, {"5x9x40xf32", "40xf32"}, R"(
      %0 = graph.contract %a, %b over [2] with [0] : tensor<5x9x70xf32>, tensor<70x40xf32> -> tensor<5x9x40xf32>
      %1 = graph.reduce_sum %b over [0] : tensor<70x40xf32> -> tensor<40xf32>
      kernel.yield %0, %1 : tensor<5x9x40xf32>, tensor<40xf32>)"));
}

TEST_P(KernelToLoopsTest, runsThroughRowsInAnotherOrder) {
  check(kernel("contract", {{"a", "5x9x21xf32, strided<[32, 160, 1]>"}, {"b", "21x70xf32, #kernel.panels<32>"}},
               {"5x9x70xf32"}, R"(
      %0 = graph.contract %a, %b over [2] with [0] : tensor<5x9x21xf32>, tensor<21x70xf32> -> tensor<5x9x70xf32>
      kernel.yield %0 : tensor<5x9x70xf32>)"));
}

TEST_P(KernelToLoopsTest, contractsInF64) {
  check(kernel("contract", {{"a", "29x31xf64"}, {"b", "31x75xf64, #kernel.panels<32>"}}, {"29x75xf64"}, R"(
      %0 = graph.contract %a, %b over [1] with [0] : tensor<29x31xf64>, tensor<31x75xf64> -> tensor<29x75xf64>
      kernel.yield %0 : tensor<29x75xf64>)"));
}

//===----------------------------------------------------------------------===//
// row_reduce
//===----------------------------------------------------------------------===//

TEST_P(KernelToLoopsTest, normalizesRows) {
  for (int64_t rows : {1, 3, 320})
    for (int64_t columns : {1, 5, 17, 53, 320, 1000}) {
      std::string wide = "tensor<" + str(rows) + "x" + str(columns) + "xf32>", narrow = "tensor<" + str(rows) + "xf32>";
      std::string buffer = str(rows) + "x" + str(columns) + "xf32";
      std::string body = "%m = graph.reduce_max %a over [1] : " + wide + " -> " + narrow +
                         "\n%mb = graph.broadcast %m along [0] : " + narrow + " -> " + wide +
                         "\n%d = graph.sub %a, %mb : " + wide + "\n%e = graph.exp %d : " + wide +
                         "\n%s = graph.reduce_sum %e over [1] : " + wide + " -> " + narrow +
                         "\n%sb = graph.broadcast %s along [0] : " + narrow + " -> " + wide +
                         "\n%y = graph.div %e, %sb : " + wide + "\n";
      check(kernel("row_reduce", {{"a", buffer}}, {buffer, str(rows) + "xf32"},
                   body + "kernel.yield %y, %s : " + wide + ", " + narrow));
      check(kernel("row_reduce", {{"a", buffer}}, {"@a"}, body + "kernel.yield %y : " + wide));
    }
}

TEST_P(KernelToLoopsTest, reducesRowsOfOtherTypes) {
  check(kernel("row_reduce", {{"a", "4x5x70xf64"}}, {"4x5xf64"}, R"(
      %0 = graph.reduce_sum %a over [2] : tensor<4x5x70xf64> -> tensor<4x5xf64>
      kernel.yield %0 : tensor<4x5xf64>)"));
  check(kernel("row_reduce", {{"a", "4x70xi32"}}, {"4x1xi32", "4xi32"}, R"(
      %0 = graph.reduce_max %a over [1] : tensor<4x70xi32> -> tensor<4xi32>
      %1 = graph.reshape %0 : tensor<4xi32> -> tensor<4x1xi32>
      %2 = graph.reduce_sum %a over [1] : tensor<4x70xi32> -> tensor<4xi32>
      kernel.yield %1, %2 : tensor<4x1xi32>, tensor<4xi32>)"));
  check(kernel("row_reduce", {{"a", "1000xf32"}}, {"f32"}, R"(
      %0 = graph.mul %a, %a : tensor<1000xf32>
      %1 = graph.reduce_sum %0 over [0] : tensor<1000xf32> -> tensor<f32>
      kernel.yield %1 : tensor<f32>)"));
  check(kernel("row_reduce", {{"a", "7x45xf32"}}, {"7xi32"}, R"(
      %0 = graph.argmax %a over 1 : tensor<7x45xf32> -> tensor<7xi32>
      kernel.yield %0 : tensor<7xi32>)"));
}

TEST_P(KernelToLoopsTest, picksTargetsInRows) {
  check(kernel("row_reduce", {{"a", "7x45xf32"}, {"t", "7xi32"}}, {"7xf32"}, R"(
      %i = graph.iota along 1 : tensor<7x45xi32>
      %b = graph.broadcast %t along [0] : tensor<7xi32> -> tensor<7x45xi32>
      %c = graph.compare eq %i, %b : tensor<7x45xi32> -> tensor<7x45xi1>
      %z = graph.constant dense<0.0> : tensor<7x45xf32>
      %s = graph.select %c, %a, %z : tensor<7x45xi1>, tensor<7x45xf32>
      %0 = graph.reduce_sum %s over [1] : tensor<7x45xf32> -> tensor<7xf32>
      kernel.yield %0 : tensor<7xf32>)"));
}

//===----------------------------------------------------------------------===//
// column_reduce, gather_scatter
//===----------------------------------------------------------------------===//

TEST_P(KernelToLoopsTest, reducesColumns) {
  for (int64_t columns : {1, 5, 17, 53, 64, 320, 1000}) {
    std::string c = str(columns);
    check(kernel("column_reduce", {{"a", "13x9x" + c + "xf32"}}, {c + "xf32"},
                 "%0 = graph.mul %a, %a : tensor<13x9x" + c +
                     "xf32>\n%1 = graph.reduce_sum %0 over [0, 1] : tensor<13x9x" + c + "xf32> -> tensor<" + c +
                     "xf32>\nkernel.yield %1 : tensor<" + c + "xf32>"));
  }
  check(kernel("column_reduce", {{"a", "300x6x10xf32"}, {"o", "6x10xf32"}}, {"@o"}, R"(
      %0 = graph.reduce_max %a over [0] : tensor<300x6x10xf32> -> tensor<6x10xf32>
      %1 = graph.add %o, %0 : tensor<6x10xf32>
      kernel.yield %1 : tensor<6x10xf32>)"));
}

TEST_P(KernelToLoopsTest, scattersRows) {
  for (int64_t columns : {1, 5, 37, 320}) {
    std::string c = str(columns);
    check(kernel("gather_scatter", {{"u", "4x6x" + c + "xf32"}, {"i", "4x6xi32"}}, {"9x" + c + "xf32"},
                 "%0 = graph.neg %u : tensor<4x6x" + c + "xf32>\n%1 = graph.scatter_add %0 at %i : tensor<4x6x" + c +
                     "xf32>, tensor<4x6xi32> -> tensor<9x" + c + "xf32>\nkernel.yield %1 : tensor<9x" + c + "xf32>"));
  }
}

TEST_P(KernelToLoopsTest, sharesTheRowsOfNarrowTables) {
  check(kernel("gather_scatter", {{"u", "300x20xf32"}, {"i", "300xi32"}}, {"9000x20xf32"}, R"(
      %0 = graph.scatter_add %u at %i : tensor<300x20xf32>, tensor<300xi32> -> tensor<9000x20xf32>
      kernel.yield %0 : tensor<9000x20xf32>)"));
}

TEST_P(KernelToLoopsTest, findsTheLeastAndTheProduct) {
  for (const std::string element : {"f32", "f64", "bf16", "i32", "i64"})
    for (int64_t columns : {1, 9, 53}) {
      std::string c = str(columns), wide = "tensor<7x" + c + "x" + element + ">", rows = "tensor<7x" + element + ">",
                  narrow = "tensor<" + c + "x" + element + ">";
      check(kernel("row_reduce", {{"a", "7x" + c + "x" + element}}, {"7x" + element, "7x" + element},
                   "%0 = graph.reduce_min %a over [1] : " + wide + " -> " + rows +
                       "\n%1 = graph.reduce_prod %a over [1] : " + wide + " -> " + rows +
                       "\nkernel.yield %0, %1 : " + rows + ", " + rows));
      for (const std::string kind : {"min", "prod"})
        check(kernel("column_reduce", {{"a", "7x" + c + "x" + element}}, {c + "x" + element},
                     "%0 = graph.reduce_" + kind + " %a over [0] : " + wide + " -> " + narrow +
                         "\nkernel.yield %0 : " + narrow));
    }
}

//===----------------------------------------------------------------------===//
// cumsum, top_k, boxes, random
//===----------------------------------------------------------------------===//

TEST_P(KernelToLoopsTest, sumsUpAlongAnyAxis) {
  auto checkSum = [&](const std::string &type, int64_t axis, const std::string &kind) {
    check(kernel("column_reduce", {{"a", type}}, {type},
                 "%0 = graph.neg %a : tensor<" + type + ">\n%1 = graph.cumsum %0 along " + str(axis) + kind +
                     " : tensor<" + type + ">\nkernel.yield %1 : tensor<" + type + ">"));
  };
  for (int64_t axis : {0, 1, 2}) {
    for (const std::string kind : {"", " exclusive", " reverse", " exclusive reverse"})
      checkSum("5x37x20xf32", axis, kind);
    for (const std::string type : {"1x1x1xbf16", "3x70x1xbf16", "2x5x300xf64", "3x70x5xi32"})
      checkSum(type, axis, axis == 1 ? " exclusive reverse" : "");
  }
}

TEST_P(KernelToLoopsTest, ordersTheLargest) {
  for (const std::string element : {"f32", "f64", "bf16", "i32", "i64"})
    for (int64_t columns : {1, 16, 37, 300})
      for (int64_t k : {1, 4, 37}) {
        if (k > columns || (k == 1 && columns == 37))
          continue;
        std::string c = str(columns), wide = "6x" + c + "x" + element, values = "6x" + str(k) + "x" + element,
                    indices = "6x" + str(k) + "xi32";
        check(kernel("row_reduce", {{"a", wide}}, {values, indices},
                     "%0, %1 = graph.top_k " + str(k) + " of %a : tensor<" + wide + "> -> tensor<" + values +
                         ">, tensor<" + indices + ">\nkernel.yield %0, %1 : tensor<" + values + ">, tensor<" + indices +
                         ">"));
      }
}

TEST_P(KernelToLoopsTest, ordersNaNBeforeEveryNumberAndZerosAsEqual) {
  // 0 / 0 where a is small, -0 where it is negative.
  check(kernel("row_reduce", {{"a", "8x90xf32"}}, {"8x70xf32", "8x70xi32"}, R"(
      %zero = graph.constant dense<0.0> : tensor<8x90xf32>
      %half = graph.constant dense<0.5> : tensor<8x90xf32>
      %one = graph.constant dense<1.0> : tensor<8x90xf32>
      %n = graph.div %zero, %zero : tensor<8x90xf32>
      %small = graph.abs %a : tensor<8x90xf32>
      %isSmall = graph.compare lt %small, %half : tensor<8x90xf32> -> tensor<8x90xi1>
      %isLarge = graph.compare gt %small, %one : tensor<8x90xf32> -> tensor<8x90xi1>
      %signed = graph.mul %a, %zero : tensor<8x90xf32>
      %0 = graph.select %isSmall, %n, %signed : tensor<8x90xi1>, tensor<8x90xf32>
      %1 = graph.select %isLarge, %a, %0 : tensor<8x90xi1>, tensor<8x90xf32>
      %v, %i = graph.top_k 70 of %1 : tensor<8x90xf32> -> tensor<8x70xf32>, tensor<8x70xi32>
      kernel.yield %v, %i : tensor<8x70xf32>, tensor<8x70xi32>)"));
  check(kernel("map", {{"a", "8x90xf32"}}, {"8xi32"}, R"(
      %zero = graph.constant dense<0.0> : tensor<8x90xf32>
      %n = graph.div %zero, %zero : tensor<8x90xf32>
      %isSmall = graph.compare lt %a, %zero : tensor<8x90xf32> -> tensor<8x90xi1>
      %1 = graph.select %isSmall, %n, %a : tensor<8x90xi1>, tensor<8x90xf32>
      %i = graph.argmax %1 over 1 : tensor<8x90xf32> -> tensor<8xi32>
      kernel.yield %i : tensor<8xi32>)"));
}

TEST_P(KernelToLoopsTest, takesBoxesFromComputedPlaces) {
  // Starts are random in -2 … 9: some lie outside.
  for (const std::string element : {"f32", "bf16", "i64", "i1"})
    for (int64_t columns : {1, 7, 33}) {
      std::string box = "3x" + str(columns) + "x" + element;
      check(kernel("map", {{"a", "6x40x" + element}, {"i", "i32"}, {"j", "i64"}}, {box},
                   "%0 = graph.dynamic_slice %a at(%i, %j) sizes [3, " + str(columns) + "] : (tensor<6x40x" + element +
                       ">, tensor<i32>, tensor<i64>) -> tensor<" + box + ">\nkernel.yield %0 : tensor<" + box + ">"));
    }
}

TEST_P(KernelToLoopsTest, replacesBoxes) {
  for (const std::string element : {"f32", "bf16", "i64", "i1"})
    for (int64_t columns : {1, 7, 33})
      // In place, and elsewhere.
      for (const std::string result : {"@a", "apart"}) {
        std::string box = "3x" + str(columns) + "x" + element, whole = "6x40x" + element;
        check(kernel(
            "gather_scatter", {{"a", whole}, {"u", box}, {"i", "i32"}, {"j", "i64"}}, {result == "@a" ? result : whole},
            "%0 = graph.dynamic_update_slice %a with %u at(%i, %j) : (tensor<" + whole + ">, tensor<" + box +
                ">, tensor<i32>, tensor<i64>) -> tensor<" + whole + ">\nkernel.yield %0 : tensor<" + whole + ">"));
      }
}

TEST_P(KernelToLoopsTest, countsOutRandomNumbers) {
  for (const std::string shape : {"1x1x", "9x37x", "3x2000x"}) {
    std::string reals = shape + "f32", bits = shape + "i32", wide = shape + "f64";
    check(kernel("map", {{"k", "i64"}, {"c", "i32"}}, {reals, bits, wide},
                 "%0 = graph.random uniform key %k counter %c stream 3 : tensor<i64>, tensor<i32> -> tensor<" + reals +
                     ">\n%1 = graph.random bits key %k counter %c stream 4294967295 : tensor<i64>, tensor<i32> -> "
                     "tensor<" +
                     bits + ">\n%2 = graph.random uniform key %k counter %c stream 0 : tensor<i64>, tensor<i32> -> " +
                     "tensor<" + wide + ">\nkernel.yield %0, %1, %2 : tensor<" + reals + ">, tensor<" + bits +
                     ">, tensor<" + wide + ">"));
  }
  // Along another axis than the last: the numbers do not lie beside each other.
  check(kernel("map", {{"k", "i64"}, {"c", "i32"}}, {"37x20xf32"}, R"(
      %0 = graph.random uniform key %k counter %c stream 1 : tensor<i64>, tensor<i32> -> tensor<20x37xf32>
      %1 = graph.transpose %0 by [1, 0] : tensor<20x37xf32> -> tensor<37x20xf32>
      kernel.yield %1 : tensor<37x20xf32>)"));
}

INSTANTIATE_TEST_SUITE_P(Vectors, KernelToLoopsTest, testing::Values(256, 512),
                         [](const auto &info) { return "of" + std::to_string(info.param) + "Bits"; });

} // namespace
