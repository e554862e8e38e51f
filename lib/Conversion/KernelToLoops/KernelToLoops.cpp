//===- KernelToLoops.cpp - the pass kernel-to-loops -----------------------===//
// Gives each kernel a function, the same one to kernels that are alike, and launches it.
//===----------------------------------------------------------------------===//

#include "moru/Conversion/KernelToLoops/KernelToLoops.h"

#include "Families.h"
#include "moru/Dialect/Kernel/Cost.h"

#include "moru/Dialect/Kernel/Parts.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

#define DEBUG_TYPE "kernel-to-loops"

using namespace mlir;
using namespace moru::kernel;

namespace moru {
#define GEN_PASS_DEF_KERNELTOLOOPS
#include "moru/Conversion/KernelToLoops/Passes.h.inc"

namespace {

/// The buffers of a kernel's function: reads without duplicates, then writes that are not read too.
SmallVector<Value> getParameters(ComputeOp op) {
  llvm::SetVector<Value> buffers;
  buffers.insert_range(op.getReads());
  buffers.insert_range(op.getWrites());
  return buffers.takeVector();
}

/// The parts into which the kernel's group cuts it; 0: it is whole.
int64_t getNumParts(ComputeOp op) {
  auto group = dyn_cast<GroupOp>(op->getParentOp());
  return group && group.getParts() ? int64_t(*group.getParts()) : 0;
}

/// Everything that a kernel's code depends on, but its label and locations: two kernels with the same text share a
/// function.
std::string describe(ComputeOp op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (int64_t parts = getNumParts(op))
    stream << "part of " << parts << ' ';
  SmallVector<Value> parameters = getParameters(op);
  auto number = [&](Value buffer) { return llvm::find(parameters, buffer) - parameters.begin(); };
  stream << stringifyFamily(op.getFamily());
  // With the first parameter that may share bytes: what is stored early depends on it.
  for (Value buffer : parameters) {
    auto shares = [&](Value other) { return getRoot(other) == getRoot(buffer); };
    stream << ' ' << buffer.getType() << " @" << number(*llvm::find_if(parameters, shares));
  }
  for (Value buffer : op.getReads())
    stream << " r" << number(buffer);
  for (Value buffer : op.getWrites())
    stream << " w" << number(buffer);
  DenseMap<Value, unsigned> values;
  for (Value argument : op.getBodyBlock()->getArguments())
    values.try_emplace(argument, values.size());
  for (Operation &inner : *op.getBodyBlock()) {
    stream << '\n' << inner.getName();
    for (Value operand : inner.getOperands())
      stream << " %" << values.at(operand);
    // Attributes are unique in a context.
    stream << ' ' << inner.getAttrDictionary().getAsOpaquePointer() << ' ' << inner.getResultTypes();
    for (Value result : inner.getResults())
      values.try_emplace(result, values.size());
  }
  return text;
}

/// A memref with the same layout; i1 in bytes.
MemRefType getMemRefType(BufferType type) {
  MLIRContext *context = type.getContext();
  Type element = type.getElementType();
  if (element.isInteger(1))
    element = IntegerType::get(context, 8);
  SmallVector<int64_t> shape(type.getShape());
  if (type.getTiles())
    return MemRefType::get(type.getSizeInBytes() / 2, BFloat16Type::get(context));
  if (int64_t width = type.getPanelWidth()) {
    int64_t columns = shape.pop_back_val(), depth = shape.pop_back_val();
    shape.append({static_cast<int64_t>(llvm::divideCeil(columns, width)), depth, width});
    return MemRefType::get(shape, element);
  }
  if (type.isRowMajor())
    return MemRefType::get(shape, element);
  return MemRefType::get(shape, element, StridedLayoutAttr::get(context, 0, type.getStrides()));
}

/// A label as part of a symbol.
std::string getSymbol(StringRef label) {
  std::string symbol;
  for (char c : label)
    symbol.push_back(llvm::isAlnum(c) ? c : '_');
  return symbol.empty() || llvm::isDigit(symbol[0]) ? "kernel_" + symbol : symbol;
}

struct KernelToLoops : impl::KernelToLoopsBase<KernelToLoops> {
  using KernelToLoopsBase::KernelToLoopsBase;

  void runOnOperation() override {
    SmallVector<ComputeOp> kernels;
    getOperation().walk([&](ComputeOp op) { kernels.push_back(op); });
    for (ComputeOp op : kernels) {
      auto [place, isNew] = functions.try_emplace(describe(op));
      if (isNew && failed(getNumParts(op) ? generatePart(op, place->second) : generate(op, place->second)))
        return signalPassFailure();
      launch(op, place->second);
    }
    functions.clear();
  }

private:
  struct Function {
    std::string name;
    int64_t tasks;
  };

  LogicalResult generate(ComputeOp op, Function &result) {
    func::FuncOp function = createFunction(op);
    PointEmitter emitter(function, op, vectorBits);
    SmallVector<Value> parameters = getParameters(op);
    SmallVector<KernelBuffer> buffers;
    for (auto [value, argument] : llvm::zip(parameters, function.getArguments()))
      buffers.push_back(flatten(emitter, cast<BufferType>(value.getType()), argument));
    return generate(op, function, emitter, buffers, /*parts=*/0, result);
  }

  /// The same on a copy whose region is that of one part: each task does all of it.
  LogicalResult generatePart(ComputeOp op, Function &result) {
    int64_t parts = getNumParts(op);
    std::string why;
    std::optional<KernelParts> found = findParts(op, parts, why);
    if (!found)
      return op.emitOpError() << "expected a kernel that falls into " << parts << " parts, but " << why;
    func::FuncOp function = createFunction(op);
    OpBuilder builder(op);
    auto copy = cast<ComputeOp>(builder.clone(*op));
    auto erase = llvm::scope_exit([&] { copy.erase(); });
    std::optional<KernelParts> own = findParts(copy, parts, why);
    cutToPart(copy, *own, parts);
    PointEmitter emitter(function, copy, vectorBits);
    SmallVector<Value> parameters = getParameters(op);
    SmallVector<KernelBuffer> buffers;
    for (auto [value, argument] : llvm::zip(parameters, function.getArguments())) {
      auto type = cast<BufferType>(value.getType());
      std::optional<int64_t> axis = findCutAxis(op, *found, value);
      buffers.push_back(axis ? flattenPart(emitter, type, *axis, parts, argument) : flatten(emitter, type, argument));
    }
    return generate(copy, function, emitter, buffers, parts, result);
  }

  /// The axis along which a buffer of the kernel is cut.
  static std::optional<int64_t> findCutAxis(ComputeOp op, const KernelParts &parts, Value buffer) {
    if (llvm::is_contained(op.getWrites(), buffer))
      return 0;
    for (auto [read, axis] : llvm::zip(op.getReads(), parts.reads))
      if (read == buffer)
        return axis && *axis >= 0 ? axis : std::nullopt;
    llvm_unreachable("a parameter is read or written");
  }

  LogicalResult generate(ComputeOp op, func::FuncOp function, PointEmitter &emitter, ArrayRef<KernelBuffer> buffers,
                         int64_t parts, Function &result) {
    SmallVector<Value> parameters = getParameters(op);
    auto find = [&](Value buffer) { return buffers[llvm::find(parameters, buffer) - parameters.begin()]; };
    for (auto [argument, buffer] : llvm::zip(op.getBodyBlock()->getArguments(), op.getReads()))
      emitter.bind(argument, find(buffer));
    SmallVector<KernelOutput> outputs;
    for (auto [tensor, buffer] : llvm::zip(op.getYield().getValues(), op.getWrites()))
      outputs.push_back({tensor, find(buffer)});

    KernelJob job{emitter, outputs, {vectorBits, vectorRegisters, l1Bytes, l2Bytes}, /*isOneTask=*/parts != 0};
    FailureOr<int64_t> tasks = emitFamily(job, op.getFamily());
    OpBuilder end = OpBuilder::atBlockEnd(&function.getBody().front());
    func::ReturnOp::create(end, op.getLoc());
    if (failed(tasks) || !emitter.succeeded()) {
      function.erase();
      return failure();
    }
    assert((!parts || *tasks == 1) && "a part is one task");
    result = {function.getName().str(), parts ? parts : *tasks};
    return success();
  }

  FailureOr<int64_t> emitFamily(KernelJob &job, Family family) {
    auto has = [&](auto op) {
      using Op = decltype(op);
      return !job.emitter.kernel.getBodyBlock()->getOps<Op>().empty();
    };
    switch (family) {
    case Family::Map:
      return isInTiles(job) ? emitTilePack(job) : emitMap(job);
    case Family::RowReduce:
      if (has(graph::TopKOp()))
        return emitTopK(job);
      return emitRowReduce(job);
    case Family::ColumnReduce:
      if (has(graph::CumsumOp()))
        return emitCumsum(job);
      return emitColumnReduce(job);
    case Family::Contract:
      return isOnTiles(job) ? emitTileContract(job) : emitContract(job);
    case Family::GatherScatter:
      if (has(graph::DynamicUpdateSliceOp()))
        return emitUpdateSlice(job);
      return emitScatter(job);
    }
    llvm_unreachable("every family has a generator");
  }

  static bool isInTiles(const KernelJob &job) {
    return llvm::any_of(job.outputs, [](const KernelOutput &output) { return output.buffer.type.getTiles(); });
  }
  static bool isOnTiles(const KernelJob &job) {
    auto contractions = job.emitter.kernel.getBodyBlock()->getOps<graph::ContractOp>();
    return (*contractions.begin())->hasAttr(KernelDialect::kPlanesAttr);
  }

  func::FuncOp createFunction(ComputeOp op) {
    SmallVector<Type> types;
    for (Value buffer : getParameters(op))
      types.push_back(getMemRefType(cast<BufferType>(buffer.getType())));
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    types.push_back(builder.getIndexType());
    SmallVector<Location> locations;
    for (Operation &inner : op.getBodyBlock()->without_terminator())
      locations.push_back(inner.getLoc());
    if (locations.empty())
      locations.push_back(op.getLoc());
    std::string symbol = getSymbol(op.getLabel()), name;
    do
      name = symbol + "_" + std::to_string(nextNumber++);
    while (getOperation().lookupSymbol(name));
    auto function = func::FuncOp::create(builder, FusedLoc::get(&getContext(), locations), name,
                                         builder.getFunctionType(types, {}));
    function.setPrivate();
    function->setAttr(KernelDialect::kFamilyAttr, builder.getStringAttr(stringifyFamily(op.getFamily())));
    setCost(function, computeCost(op));
    function.addEntryBlock();
    return function;
  }

  /// The parameter as one axis over all of its storage: addresses are sums over the strides.
  static KernelBuffer flatten(PointEmitter &emitter, BufferType type, Value parameter) {
    if (type.getTiles())
      return {parameter, type};
    int64_t entries = type.getSizeInBytes() / type.getElementBytes();
    auto memref = cast<MemRefType>(parameter.getType());
    auto flat = MemRefType::get(entries, memref.getElementType());
    if (memref == flat)
      return {parameter, type};
    return {memref::ReinterpretCastOp::create(emitter.builder, flat, parameter, /*offset=*/0,
                                              ArrayRef<int64_t>(entries), ArrayRef<int64_t>(1)),
            type};
  }

  /// The same of the part whose number is the function's last argument.
  static KernelBuffer flattenPart(PointEmitter &emitter, BufferType whole, int64_t axis, int64_t parts,
                                  Value parameter) {
    BufferType type = getPartType(whole, axis, parts);
    int64_t entries = type.getSizeInBytes() / type.getElementBytes();
    Value stride = arith::ConstantIndexOp::create(emitter.builder, getPartStride(whole, axis, parts));
    Value offset = arith::MulIOp::create(emitter.builder, emitter.function.getArguments().back(), stride);
    auto layout = StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, 1);
    auto flat = MemRefType::get(entries, cast<MemRefType>(parameter.getType()).getElementType(), layout);
    return {memref::ReinterpretCastOp::create(emitter.builder, flat, parameter, OpFoldResult(offset),
                                              ArrayRef<OpFoldResult>{emitter.builder.getIndexAttr(entries)},
                                              ArrayRef<OpFoldResult>{emitter.builder.getIndexAttr(1)}),
            type};
  }

  static void launch(ComputeOp op, const Function &function) {
    OpBuilder builder(op);
    LaunchOp::create(builder, op.getLoc(), function.name, getParameters(op), function.tasks);
    op.erase();
  }

  std::map<std::string, Function> functions;
  int64_t nextNumber = 0;
};

} // namespace
} // namespace moru
