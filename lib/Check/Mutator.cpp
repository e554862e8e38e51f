//===- Mutator.cpp - programs made wrong on purpose ---------------------------===//
// One function per kind. Each looks at one operation and adds what can be done to it.
//===----------------------------------------------------------------------===//

#include "moru/Check/Mutator.h"

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

using Mutations = std::vector<Mutation>;

ArrayRef<MutationKind> check::mutationKinds() {
  static constexpr MutationKind kinds[] = {
      MutationKind::SwapOperands,    MutationKind::DropOp,   MutationKind::ChangeAxis,       MutationKind::MoveBound,
      MutationKind::PerturbConstant, MutationKind::DropMask, MutationKind::LoseAccumulation, MutationKind::StaleBuffer};
  return kinds;
}

StringRef check::toString(MutationKind kind) {
  switch (kind) {
  case MutationKind::SwapOperands:
    return "swap-operands";
  case MutationKind::DropOp:
    return "drop-op";
  case MutationKind::ChangeAxis:
    return "change-axis";
  case MutationKind::MoveBound:
    return "move-bound";
  case MutationKind::PerturbConstant:
    return "perturb-constant";
  case MutationKind::DropMask:
    return "drop-mask";
  case MutationKind::LoseAccumulation:
    return "lose-accumulation";
  case MutationKind::StaleBuffer:
    return "stale-buffer";
  }
  llvm_unreachable("every kind has a name");
}

std::optional<MutationKind> check::parseMutationKind(StringRef name) {
  for (MutationKind kind : mutationKinds())
    if (toString(kind) == name)
      return kind;
  return std::nullopt;
}

std::optional<Injection> check::parseInjection(StringRef text) {
  auto [kindName, rest] = text.split('@');
  auto [pass, number] = rest.split('#');
  std::optional<MutationKind> kind = parseMutationKind(kindName);
  int64_t n;
  if (!kind || pass.empty() || number.getAsInteger(10, n) || n < 0)
    return std::nullopt;
  return Injection{*kind, pass.str(), n};
}

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

static bool isBetweenBuffers(Operation *op) { return isa<kernel::ComputeOp, kernel::LaunchOp>(op); }

/// Adds the replacement of a result by `value`.
static void addReplacement(Mutations &mutations, MutationKind kind, Operation *op, Value value, const Twine &what) {
  mutations.push_back({kind, op, what.str(), [op, value] { op->getResult(0).replaceAllUsesWith(value); }});
}

/// Whether an operation is well-formed by itself, inferred types included.
static bool isValid(Operation *op) {
  ScopedDiagnosticHandler silence(op->getContext(), [](Diagnostic &) { return success(); });
  return succeeded(op->getName().verifyInvariants(op)) && succeeded(op->getName().verifyRegionInvariants(op));
}

/// Adds the exchange of an attribute, if the operation verifies with it.
static void addAttribute(Mutations &mutations, MutationKind kind, Operation *op, StringRef name, Attribute value,
                         const Twine &what) {
  Attribute old = op->getAttr(name);
  if (old == value)
    return;
  op->setAttr(name, value);
  bool verifies = isValid(op);
  op->setAttr(name, old);
  if (verifies)
    mutations.push_back({kind, op, what.str(), [op, key = name.str(), value] { op->setAttr(key, value); }});
}

/// The list with entry `index` moved by `delta`.
static DenseI64ArrayAttr moved(DenseI64ArrayAttr list, size_t index, int64_t delta) {
  SmallVector<int64_t> values(list.asArrayRef());
  values[index] += delta;
  return DenseI64ArrayAttr::get(list.getContext(), values);
}

//===----------------------------------------------------------------------===//
// Operands and operations
//===----------------------------------------------------------------------===//

/// Comparisons whose result does not depend on the order.
static bool isSymmetricComparison(Operation *op) {
  if (auto compare = dyn_cast<graph::CompareOp>(op))
    return compare.getDirection() == graph::Direction::Eq || compare.getDirection() == graph::Direction::Ne;
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compare.getPredicate() == arith::CmpIPredicate::eq || compare.getPredicate() == arith::CmpIPredicate::ne;
  if (auto compare = dyn_cast<LLVM::ICmpOp>(op))
    return compare.getPredicate() == LLVM::ICmpPredicate::eq || compare.getPredicate() == LLVM::ICmpPredicate::ne;
  return false;
}

static bool commutes(Operation *op, unsigned first) {
  if (op->hasTrait<OpTrait::IsCommutative>() || isSymmetricComparison(op))
    return true;
  if (isa<LLVM::AddOp, LLVM::MulOp, LLVM::FAddOp, LLVM::FMulOp, LLVM::AndOp, LLVM::OrOp, LLVM::XOrOp, LLVM::MaxNumOp,
          LLVM::MinNumOp, LLVM::MaximumOp, LLVM::MinimumOp, LLVM::SMaxOp, LLVM::SMinOp>(op))
    return true;
  // The factors of a fused multiply and add.
  return isa<vector::FMAOp, math::FmaOp, LLVM::FMAOp, LLVM::FMulAddOp>(op) && first == 0;
}

static void findSwaps(Operation *op, Mutations &mutations) {
  if (isBetweenBuffers(op))
    return;
  for (unsigned i = 0; i + 1 < op->getNumOperands(); ++i)
    if (op->getOperand(i) != op->getOperand(i + 1) && op->getOperand(i).getType() == op->getOperand(i + 1).getType() &&
        !commutes(op, i))
      mutations.push_back(
          {MutationKind::SwapOperands, op, ("operands " + Twine(i) + " and " + Twine(i + 1)).str(), [op, i] {
             Value first = op->getOperand(i), second = op->getOperand(i + 1);
             op->setOperand(i, second);
             op->setOperand(i + 1, first);
           }});
}

/// The value of a constant, or null.
static Attribute getConstant(Value value) {
  Operation *op = value.getDefiningOp();
  return isa_and_present<arith::ConstantOp, LLVM::ConstantOp>(op) ? op->getAttr("value") : Attribute();
}

static bool isSum(Operation *op) {
  return isa<graph::AddOp, arith::AddFOp, arith::AddIOp, LLVM::AddOp, LLVM::FAddOp>(op);
}

/// A truth value that is true everywhere.
static bool isAlwaysTrue(Value value) {
  auto constant = dyn_cast_or_null<DenseElementsAttr>(getConstant(value));
  return constant && constant.isSplat() && constant.getElementType().isInteger(1) && constant.getSplatValue<bool>();
}

/// Operands that are one and the same number all over: nothing is told apart by their order.
static bool takesOnlySplats(Operation *op) {
  return isa<vector::ShuffleOp, LLVM::ShuffleVectorOp>(op) && llvm::all_of(op->getOperands(), [](Value operand) {
           auto constant = dyn_cast_or_null<DenseElementsAttr>(getConstant(operand));
           return constant && constant.isSplat();
         });
}

static void findDrops(Operation *op, Mutations &mutations) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 || op->use_empty() || !isPure(op) || isSum(op) ||
      takesOnlySplats(op) ||
      isa<graph::SelectOp, arith::SelectOp, LLVM::SelectOp, graph::StopGradientOp, LLVM::InsertValueOp>(op))
    return; // Masks have a kind of their own; fields of an LLVM descriptor are mostly never read.
  for (Value operand : op->getOperands())
    if (operand.getType() == op->getResult(0).getType())
      return addReplacement(mutations, MutationKind::DropOp, op, operand, "replaced by an operand");
}

static void findLostAccumulations(Operation *op, Mutations &mutations) {
  if (isSum(op) && !op->use_empty()) {
    addReplacement(mutations, MutationKind::LoseAccumulation, op, op->getOperand(0), "only operand 0");
    addReplacement(mutations, MutationKind::LoseAccumulation, op, op->getOperand(1), "only operand 1");
  }
  if (isa<vector::FMAOp, math::FmaOp>(op))
    mutations.push_back({MutationKind::LoseAccumulation, op, "accumulator is zero", [op] {
                           OpBuilder builder(op);
                           Type type = op->getResult(0).getType();
                           op->setOperand(2,
                                          arith::ConstantOp::create(builder, op->getLoc(), builder.getZeroAttr(type)));
                         }});
}

static void findMasks(Operation *op, Mutations &mutations) {
  if (isa<graph::SelectOp, arith::SelectOp, LLVM::SelectOp>(op) && !op->use_empty()) {
    if (!isAlwaysTrue(op->getOperand(0)))
      addReplacement(mutations, MutationKind::DropMask, op, op->getOperand(1), "always true");
    addReplacement(mutations, MutationKind::DropMask, op, op->getOperand(2), "always false");
  }
  if (isa<graph::AndOp>(op))
    addReplacement(mutations, MutationKind::DropMask, op, op->getOperand(0), "only operand 0");
  for (OpOperand &operand : op->getOpOperands()) {
    auto mask = dyn_cast<VectorType>(operand.get().getType());
    if (!mask || !mask.getElementType().isInteger(1) || isAlwaysTrue(operand.get()) ||
        !isa<vector::MaskedLoadOp, vector::MaskedStoreOp, vector::TransferReadOp, vector::TransferWriteOp>(op))
      continue;
    mutations.push_back({MutationKind::DropMask, op, "no mask", [op, mask, number = operand.getOperandNumber()] {
                           OpBuilder builder(op);
                           auto all = DenseElementsAttr::get(mask, builder.getBoolAttr(true));
                           op->setOperand(number, arith::ConstantOp::create(builder, op->getLoc(), all));
                         }});
  }
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// Names of attributes that hold one axis or several.
static bool isAxis(StringRef name) { return name == "axis"; }
static bool isAxisList(StringRef name) {
  return llvm::StringSwitch<bool>(name)
      .Cases({"axes", "permutation", "lhsOver", "rhsOver", "lhsBatch", "rhsBatch", "inputAxes", "outputAxes"}, true)
      .Default(false);
}

static void findAxes(Operation *op, Mutations &mutations) {
  constexpr MutationKind kind = MutationKind::ChangeAxis;
  for (NamedAttribute attribute : llvm::to_vector(op->getAttrDictionary())) {
    StringRef name = attribute.getName();
    if (auto axis = dyn_cast<IntegerAttr>(attribute.getValue()); axis && isAxis(name))
      for (int64_t delta : {1, -1})
        addAttribute(mutations, kind, op, name, IntegerAttr::get(axis.getType(), axis.getInt() + delta),
                     name + " moved by " + Twine(delta));
    auto list = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
    if (!list || !isAxisList(name))
      continue;
    for (size_t i = 0; i < static_cast<size_t>(list.size()); ++i) {
      for (int64_t delta : {1, -1})
        addAttribute(mutations, kind, op, name, moved(list, i, delta),
                     name + "[" + Twine(i) + "] moved by " + Twine(delta));
      if (i + 1 < static_cast<size_t>(list.size()))
        addAttribute(mutations, kind, op, name,
                     moved(moved(list, i, list[i + 1] - list[i]), i + 1, list[i] - list[i + 1]),
                     name + " exchanged at " + Twine(i));
    }
  }
  if (auto scan = dyn_cast<graph::ScanOp>(op); scan && scan.getLength() > 1)
    mutations.push_back({kind, op, "other direction", [scan]() mutable { scan.setReverse(!scan.getReverse()); }});
}

/// Two lists moved together, so that sizes stay: a slice from start + d to limit + d.
static void addPairMove(Mutations &mutations, Operation *op, StringRef first, StringRef second, int64_t secondSign) {
  auto a = op->getAttrOfType<DenseI64ArrayAttr>(first), b = op->getAttrOfType<DenseI64ArrayAttr>(second);
  for (size_t i = 0; i < static_cast<size_t>(a.size()); ++i)
    for (int64_t delta : {1, -1}) {
      Attribute newA = moved(a, i, delta), newB = moved(b, i, secondSign * delta);
      auto set = [op, first, second](Attribute x, Attribute y) {
        op->setAttr(first, x);
        op->setAttr(second, y);
      };
      set(newA, newB);
      bool verifies = isValid(op);
      set(a, b);
      if (verifies)
        mutations.push_back({MutationKind::MoveBound, op, ("axis " + Twine(i) + " by " + Twine(delta)).str(),
                             [set, newA, newB] { set(newA, newB); }});
    }
}

static void addIntegerMove(Mutations &mutations, MutationKind kind, Operation *op, StringRef name, int64_t delta) {
  if (auto value = op->getAttrOfType<IntegerAttr>(name))
    addAttribute(mutations, kind, op, name, IntegerAttr::get(value.getType(), value.getInt() + delta),
                 name + " moved by " + Twine(delta));
}

/// The operand plus or minus `amount`, computed before the operation.
static void addOperandMove(Mutations &mutations, Operation *op, unsigned number,
                           std::function<Value(OpBuilder &)> amount, bool minus, const Twine &what) {
  mutations.push_back({MutationKind::MoveBound, op, what.str(), [=] {
                         OpBuilder builder(op);
                         Value value = op->getOperand(number), by = amount(builder);
                         Value result = minus ? arith::SubIOp::create(builder, op->getLoc(), value, by).getResult()
                                              : arith::AddIOp::create(builder, op->getLoc(), value, by).getResult();
                         op->setOperand(number, result);
                       }});
}

/// Whether a buffer that is moved lies on others, or outside of the arena; in a gap it is as good as before.
static bool overlapsWhenMoved(kernel::AllocOp alloc, int64_t delta) {
  auto offset = alloc->getAttrOfType<IntegerAttr>("offset");
  auto function = alloc->getParentOfType<func::FuncOp>();
  auto arena = function ? function->getAttrOfType<IntegerAttr>(kernel::KernelDialect::kArenaAttr) : IntegerAttr();
  if (!offset || !arena)
    return true;
  int64_t first = offset.getInt() + delta, last = first + cast<kernel::BufferType>(alloc.getType()).getSizeInBytes();
  bool overlaps = first < 0 || last > arena.getInt();
  function.walk([&](kernel::AllocOp other) {
    auto place = other->getAttrOfType<IntegerAttr>("offset");
    if (other == alloc || !place)
      return;
    int64_t begin = place.getInt(), end = begin + cast<kernel::BufferType>(other.getType()).getSizeInBytes();
    overlaps |= first < end && begin < last;
  });
  return overlaps;
}

static void findBounds(Operation *op, Mutations &mutations) {
  constexpr MutationKind kind = MutationKind::MoveBound;
  if (isa<graph::SliceOp>(op))
    addPairMove(mutations, op, "starts", "limits", 1);
  if (isa<graph::PadOp>(op))
    addPairMove(mutations, op, "low", "high", -1);
  if (isa<kernel::LoopOp>(op))
    for (int64_t delta : {1, -1})
      addIntegerMove(mutations, kind, op, "length", delta);
  if (isa<kernel::ViewOp>(op))
    for (int64_t delta : {1, -1})
      addIntegerMove(mutations, kind, op, "offset", delta);
  if (auto alloc = dyn_cast<kernel::AllocOp>(op))
    for (int64_t delta : {64, -64})
      if (overlapsWhenMoved(alloc, delta))
        addIntegerMove(mutations, kind, op, "offset", delta);
  if (isa<kernel::LaunchOp>(op))
    addIntegerMove(mutations, kind, op, "tasks", -1);
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    auto step = [loop](OpBuilder &) mutable { return loop.getStep(); };
    addOperandMove(mutations, op, 0, step, false, "begins a step late");
    addOperandMove(mutations, op, 1, step, true, "ends a step early");
  }
  if (isa<vector::LoadOp, vector::StoreOp, memref::LoadOp, memref::StoreOp>(op)) {
    auto one = [op](OpBuilder &builder) -> Value { return arith::ConstantIndexOp::create(builder, op->getLoc(), 1); };
    if (op->getOperands().back().getType().isIndex())
      addOperandMove(mutations, op, op->getNumOperands() - 1, one, false, "last index is one more");
  }
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static Attribute perturb(Attribute element) {
  if (auto number = dyn_cast<FloatAttr>(element)) {
    double value = number.getValueAsDouble();
    if (!std::isfinite(value))
      return FloatAttr::get(number.getType(), value > 0 ? -1e10 : 1e10);
    // 1 % of bf16 is one unit in the last place, as much as rounding may do.
    double share = number.getType().isBF16() ? 0.1 : 0.01;
    return FloatAttr::get(number.getType(), value == 0 ? share : value * (1 + share));
  }
  if (auto number = dyn_cast<IntegerAttr>(element)) {
    if (number.getType().isInteger(1))
      return IntegerAttr::get(number.getType(), !number.getValue().getBoolValue());
    return IntegerAttr::get(number.getType(), number.getValue() + 1);
  }
  return {};
}

/// All entries of a splat, the first entry of anything else.
static Attribute perturbConstant(Attribute value) {
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return perturb(value);
  if (dense.empty())
    return {};
  if (dense.isSplat())
    return DenseElementsAttr::get(dense.getType(), perturb(dense.getSplatValue<Attribute>()));
  SmallVector<Attribute> entries(dense.getValues<Attribute>());
  entries.front() = perturb(entries.front());
  return DenseElementsAttr::get(dense.getType(), entries);
}

static void findConstants(Operation *op, Mutations &mutations) {
  auto value = op->getAttr("value");
  // Sizes and strides of LLVM's descriptors, which nothing reads.
  if (llvm::all_of(op->getUsers(), llvm::IsaPred<LLVM::InsertValueOp>))
    return;
  if (!value || op->use_empty() || !isa<graph::ConstantOp, arith::ConstantOp, LLVM::ConstantOp>(op))
    return;
  if (Attribute changed = perturbConstant(value))
    mutations.push_back(
        {MutationKind::PerturbConstant, op, "perturbed", [op, changed] { op->setAttr("value", changed); }});
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// Another value of the same type that is visible at `op`: the nearest one before, in its block or a block around.
static Value getAnother(Value value, Operation *op) {
  for (Operation *place = op; place && !isa<func::FuncOp>(place); place = place->getParentOp()) {
    for (Operation *before = place->getPrevNode(); before; before = before->getPrevNode())
      for (Value result : before->getResults())
        if (result != value && result.getType() == value.getType())
          return result;
    for (BlockArgument argument : place->getBlock()->getArguments())
      if (argument != value && argument.getType() == value.getType())
        return argument;
    if (place->getParentOp()->hasTrait<OpTrait::IsIsolatedFromAbove>())
      return {};
  }
  return {};
}

static void findStaleBuffers(Operation *op, Mutations &mutations) {
  constexpr MutationKind kind = MutationKind::StaleBuffer;
  bool usesValues = isa<graph::YieldOp, kernel::YieldOp>(op);
  bool usesMemory = isBetweenBuffers(op) || isa<vector::LoadOp, vector::StoreOp, memref::LoadOp, memref::StoreOp>(op);
  if (usesValues || usesMemory)
    for (OpOperand &operand : op->getOpOperands()) {
      if (!usesValues && !isa<kernel::BufferType, MemRefType>(operand.get().getType()))
        continue;
      if (Value other = getAnother(operand.get(), op))
        mutations.push_back({kind, op, ("another value for operand " + Twine(operand.getOperandNumber())).str(),
                             [op, other, number = operand.getOperandNumber()] { op->setOperand(number, other); }});
    }
  if (isa<kernel::SlotOp>(op))
    for (int64_t delta : {1, -1})
      addIntegerMove(mutations, kind, op, "offset", delta);
}

//===----------------------------------------------------------------------===//
// All
//===----------------------------------------------------------------------===//

/// Nothing but tensors without entries.
static bool makesNoEntries(Operation *op) {
  return op->getNumResults() != 0 && llvm::all_of(op->getResultTypes(), [](Type type) {
           auto tensor = dyn_cast<RankedTensorType>(type);
           return tensor && tensor.hasStaticShape() && tensor.getNumElements() == 0;
         });
}

/// The operations on which something hangs: effects, what a function returns, and what these use. The end of a region
/// hangs on the operation around it.
static llvm::DenseSet<Operation *> findLive(Operation *scope) {
  llvm::DenseSet<Operation *> live;
  SmallVector<Operation *> work;
  auto add = [&](Operation *op) {
    if (op && live.insert(op).second)
      work.push_back(op);
  };
  scope->walk([&](Operation *op) {
    bool endsFunction = op->hasTrait<OpTrait::IsTerminator>() && isa<FunctionOpInterface>(op->getParentOp());
    if (endsFunction || (!op->hasTrait<OpTrait::IsTerminator>() && !isMemoryEffectFree(op)))
      add(op);
  });
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    for (Value operand : op->getOperands())
      add(operand.getDefiningOp());
    for (Region &region : op->getRegions())
      for (Block &block : region)
        add(block.mightHaveTerminator() ? block.getTerminator() : nullptr);
    add(op->getParentOp());
  }
  return live;
}

Mutations check::findMutations(Operation *scope, MutationKind kind) {
  using Finder = void (*)(Operation *, Mutations &);
  static constexpr Finder finders[] = {
      findSwaps, findDrops, findAxes, findBounds, findConstants, findMasks, findLostAccumulations, findStaleBuffers};
  Mutations mutations;
  llvm::DenseSet<Operation *> live = findLive(scope);
  scope->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (live.contains(op) && !makesNoEntries(op))
      finders[static_cast<size_t>(kind)](op, mutations);
  });
  return mutations;
}
