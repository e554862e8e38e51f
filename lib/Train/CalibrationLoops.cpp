// Loops that do nothing but multiply, and loops that do nothing but read.
//
//   func.func @multiply() {
//     %numbers = kernel.alloc at 0 …                        // what fill has written
//     kernel.launch @multiply_loop(%numbers, %sums) tasks 2
//   }
//   func.func private @multiply_loop(%numbers, %sums, %task) {
//     %sum:24 = scf.for … iter_args(…) { %next = vector.fma %a, %b, %sum … }
//     vector.store …                                        // so that the work is not in vain
//   }

#include "CalibrationLoops.h"

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace moru::kernel;

namespace moru {
namespace {

/// About half a millisecond of multiplications: long beside the start of a launch.
constexpr int64_t kVectorSteps = 100000, kTileSteps = 16000;
/// Bytes that one call reads at least, of a set however small; it takes a millisecond or less.
constexpr int64_t kLeastRead = 32 << 20;
constexpr int64_t kLine = 64;
/// Places that a thread reads from at once, and how far ahead it asks for lines. Eight streams saturate a core's
/// caches; of memory a thread gets most by two that ask a page ahead (measured on an Intel server: 34 GB/s by two
/// threads; by eight streams 33, by one 32).
struct Reading {
  int64_t streams, ahead;
};
constexpr Reading kFromCache = {8, 0}, kFromAfar = {2, 4096};
/// From so many bytes for each thread on, what is read is in no cache of its core.
constexpr int64_t kAfar = 4 << 20;
/// Entries for the sums of a task: four tiles of 16 x 16.
constexpr int64_t kSums = 4 * 256;

class LoopsBuilder {
public:
  LoopsBuilder(MLIRContext &context, const Target &target, int64_t threads, int64_t bytes)
      : builder(UnknownLoc::get(&context), &context), target(target), threads(threads), bytes(bytes) {
    context.loadDialect<amx::AMXDialect, arith::ArithDialect, func::FuncDialect, memref::MemRefDialect, scf::SCFDialect,
                        vector::VectorDialect, KernelDialect>();
    module = ModuleOp::create(builder);
  }

  void addFill();
  double addMultiply();
  double addMultiplyTiles();
  double addRead(StringRef name, int64_t set);
  OwningOpRef<ModuleOp> take() { return std::move(module); }

private:
  using Body = llvm::function_ref<void(ValueRange buffers, Value task)>;
  void addFunction(StringRef name, ArrayRef<BufferType> types, Body body);
  void addHost(StringRef name, StringRef loop, ArrayRef<BufferType> types);

  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, value); }
  Value scale(Value value, int64_t factor) { return arith::MulIOp::create(builder, value, index(factor)); }
  Value add(Value a, Value b) { return arith::AddIOp::create(builder, a, b); }
  static BufferType bufferOf(int64_t entries, Type type) {
    return BufferType::get(RankedTensorType::get(entries, type));
  }
  /// All that fill writes, and room for sums, as entries of a type.
  BufferType numbers(Type type) { return bufferOf(bytes * 8 / type.getIntOrFloatBitWidth(), type); }
  BufferType sums(Type type) { return bufferOf(threads * kSums, type); }
  VectorType vectorOf(Type type) { return VectorType::get(target.lanes(32), type); }
  Value load(Type type, Value buffer, Value place) {
    return vector::LoadOp::create(builder, vectorOf(type), buffer, place);
  }
  SmallVector<Value> loop(int64_t count, ValueRange start,
                          llvm::function_ref<SmallVector<Value>(Value step, ValueRange values)> body);
  void storeSums(ValueRange values, Value buffer, Value task);

  ImplicitLocOpBuilder builder;
  const Target &target;
  int64_t threads, bytes;
  OwningOpRef<ModuleOp> module;
};

} // namespace

SmallVector<Value> LoopsBuilder::loop(int64_t count, ValueRange start,
                                      llvm::function_ref<SmallVector<Value>(Value step, ValueRange values)> body) {
  auto loop = scf::ForOp::create(builder, index(0), index(count), index(1), start);
  OpBuilder::InsertionGuard guard(builder);
  if (start.empty())
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!start.empty())
    scf::YieldOp::create(builder, next);
  return SmallVector<Value>(loop.getResults());
}

/// The kernel's function with its body, and the host's that launches it.
void LoopsBuilder::addFunction(StringRef name, ArrayRef<BufferType> types, Body body) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module->getBody());
  std::string loop = (name + "_loop").str();
  SmallVector<Type> parameters;
  for (BufferType type : types)
    parameters.push_back(MemRefType::get(type.getShape(), type.getElementType()));
  parameters.push_back(builder.getIndexType());
  auto function = func::FuncOp::create(builder, loop, builder.getFunctionType(parameters, {}));
  function.setPrivate();
  builder.setInsertionPointToEnd(function.addEntryBlock());
  body(function.getArguments().drop_back(), function.getArguments().back());
  func::ReturnOp::create(builder);
  addHost(name, loop, types);
}

/// The last buffer lies behind all numbers, the others before it.
void LoopsBuilder::addHost(StringRef name, StringRef loop, ArrayRef<BufferType> types) {
  builder.setInsertionPointToEnd(module->getBody());
  auto host = func::FuncOp::create(builder, name, builder.getFunctionType({}, {}));
  host->setAttr(KernelDialect::kArenaAttr,
                builder.getI64IntegerAttr(bytes + sums(builder.getF32Type()).getSizeInBytes()));
  builder.setInsertionPointToEnd(host.addEntryBlock());
  SmallVector<Value> buffers;
  for (BufferType type : types)
    buffers.push_back(
        AllocOp::create(builder, type, builder.getI64IntegerAttr(buffers.size() + 1 == types.size() ? bytes : 0)));
  LaunchOp::create(builder, loop, buffers, threads);
  func::ReturnOp::create(builder);
}

/// The sum of vectors, where the task's sums are.
void LoopsBuilder::storeSums(ValueRange values, Value buffer, Value task) {
  Value total = values.front();
  for (Value value : values.drop_front())
    total = isa<FloatType>(getElementTypeOrSelf(value)) ? arith::AddFOp::create(builder, total, value).getResult()
                                                        : add(total, value);
  vector::StoreOp::create(builder, total, buffer, ValueRange{scale(task, kSums)});
}

/// In each 32 bits two numbers of 16 bits that are bf16 from 1 to 2, so that all three types find numbers.
void LoopsBuilder::addFill() {
  Type type = builder.getI32Type();
  addFunction("fill", {numbers(type), sums(type)}, [&](ValueRange buffers, Value task) {
    int64_t lanes = target.lanes(32), vectors = bytes / 4 / lanes / threads;
    SmallVector<int32_t> first;
    for (int32_t lane = 0; lane < lanes; ++lane)
      first.push_back(0x3F803F80 + lane * 0x10001);
    Value start = arith::ConstantOp::create(builder, builder.getI32VectorAttr(first));
    loop(vectors, {}, [&](Value step, ValueRange) -> SmallVector<Value> {
      Value low = arith::AndIOp::create(builder, step, index(63));
      Value both = arith::IndexCastOp::create(builder, type, scale(low, 0x10001));
      Value value = add(start, vector::BroadcastOp::create(builder, vectorOf(type), both));
      vector::StoreOp::create(builder, value, buffers[0], ValueRange{scale(add(scale(task, vectors), step), lanes)});
      return {};
    });
  });
}

/// As many sums as leave registers for two factors, and more than the multiply-adds in flight.
double LoopsBuilder::addMultiply() {
  Type type = builder.getF32Type();
  int64_t count = target.vectorRegisters - 8, lanes = target.lanes(32);
  addFunction("multiply", {numbers(type), sums(type)}, [&](ValueRange buffers, Value task) {
    Value a = load(type, buffers[0], index(0)), b = load(type, buffers[0], index(lanes));
    // Different ones, or the sums would be one.
    SmallVector<Value> start;
    for (int64_t i = 0; i < count; ++i)
      start.push_back(load(type, buffers[0], index((i + 2) * lanes)));
    auto step = [&](Value, ValueRange values) {
      SmallVector<Value> next;
      for (Value sum : values)
        next.push_back(target.has("fma") || target.vectorBits == 512
                           ? vector::FMAOp::create(builder, a, b, sum).getResult()
                           : arith::AddFOp::create(builder, arith::MulFOp::create(builder, a, b), sum).getResult());
      return next;
    };
    storeSums(loop(kVectorSteps, start, step), buffers[1], task);
  });
  return 2.0 * double(lanes * count * kVectorSteps * threads);
}

/// Four sums, three factors: seven tiles, which LLVM keeps in registers.
double LoopsBuilder::addMultiplyTiles() {
  constexpr int64_t kSide = 16, kDepth = 32, kTile = kSide * kDepth;
  Type f32 = builder.getF32Type(), bf16 = builder.getBF16Type();
  auto factor = amx::TileType::get({kSide, kDepth}, bf16), sum = amx::TileType::get({kSide, kSide}, f32);
  addFunction("multiply_tiles", {numbers(bf16), numbers(f32), sums(f32)}, [&](ValueRange buffers, Value task) {
    auto load = [&](amx::TileType type, Value buffer, int64_t place, int64_t stride) -> Value {
      return amx::TileLoadOp::create(builder, type, buffer, ValueRange{index(place)}, index(stride));
    };
    Value a = load(factor, buffers[0], 0, kDepth);
    Value b[] = {load(factor, buffers[0], kTile, kDepth), load(factor, buffers[0], 2 * kTile, kDepth)};
    SmallVector<Value> start;
    for (int64_t i = 0; i < 4; ++i)
      start.push_back(load(sum, buffers[1], i * kSide, kSide));
    SmallVector<Value> sums = loop(kTileSteps, start, [&](Value, ValueRange values) {
      SmallVector<Value> next;
      for (int64_t i = 0; i < 4; ++i)
        next.push_back(amx::TileMulFOp::create(builder, sum, a, b[i % 2], values[i]));
      return next;
    });
    for (int64_t i = 0; i < 4; ++i)
      amx::TileStoreOp::create(builder, buffers[2], ValueRange{add(scale(task, kSums), index(i * kSide * kSide))},
                               sums[i], index(kSide));
  });
  return 2.0 * double(4 * kSide * kSide * kDepth * kTileSteps * threads);
}

/// Each thread reads a part of its own, in streams, a cache line of each in turn.
double LoopsBuilder::addRead(StringRef name, int64_t set) {
  Type type = builder.getI32Type();
  auto [streams, ahead] = set / threads < kAfar ? kFromCache : kFromAfar;
  int64_t lines = std::max<int64_t>(1, set / threads / streams / kLine), lanes = target.lanes(32);
  int64_t read = lines * kLine * streams * threads, repeats = std::max<int64_t>(1, kLeastRead / read);
  addFunction(name, {numbers(type), sums(type)}, [&](ValueRange buffers, Value task) {
    int64_t perStream = lines * kLine / 4;
    Value part = scale(task, perStream * streams);
    auto readLine = [&](Value line, ValueRange values) {
      Value place = add(part, scale(line, kLine / 4));
      SmallVector<Value> next;
      for (auto [i, sum] : llvm::enumerate(values)) {
        int64_t stream = int64_t(i) % streams, lane = int64_t(i) / streams * lanes;
        next.push_back(add(sum, load(type, buffers[0], add(place, index(stream * perStream + lane)))));
      }
      for (int64_t stream = 0; ahead && stream < streams; ++stream)
        memref::PrefetchOp::create(builder, buffers[0], ValueRange{add(place, index(stream * perStream + ahead / 4))},
                                   /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
      return next;
    };
    Value zero = arith::ConstantOp::create(builder, builder.getZeroAttr(vectorOf(type)));
    SmallVector<Value> start(size_t(streams * kLine / 4 / lanes), zero);
    storeSums(loop(repeats, start, [&](Value, ValueRange values) { return loop(lines, values, readLine); }), buffers[1],
              task);
  });
  return double(read * repeats);
}

CalibrationLoops buildCalibrationLoops(MLIRContext &context, const Target &target, int64_t threads,
                                       ArrayRef<int64_t> sets) {
  // A part for each thread, all of whole streams.
  int64_t unit = threads * kFromCache.streams * kLine;
  LoopsBuilder builder(context, target, threads, llvm::alignTo(*llvm::max_element(sets), unit * 1024));
  CalibrationLoops loops;
  builder.addFill();
  loops.vectorFlops = builder.addMultiply();
  if (target.hasTiles())
    loops.tileFlops = builder.addMultiplyTiles();
  for (auto [index, set] : llvm::enumerate(sets))
    loops.readBytes.push_back(builder.addRead(CalibrationLoops::readName(index), set));
  loops.module = builder.take();
  return loops;
}

} // namespace moru
