//===- PlanTable.cpp - the plan of memory as a person can add it up -------===//
// Reads a planned function; changes nothing.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/PlanTable.h"

#include "Lifetimes.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Dialect/Graph/ProgramTable.h"
#include "moru/Dialect/Kernel/Kernel.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moru;
using namespace moru::kernel;

namespace {

/// A buffer of the arena, as the table shows it.
struct Row {
  AllocOp op;
  Lifetime lifetime;
  int64_t size, offset;
};

/// The table of one function.
class PlanTable {
public:
  explicit PlanTable(func::FuncOp function) : function(function) {
    function.walk<WalkOrder::PreOrder>([&](Operation *op) { operations.push_back(op); });
    for (auto [op, lifetime] : computeLifetimes(function)) {
      auto alloc = cast<AllocOp>(op);
      rows.push_back({alloc, lifetime, alloc.getType().getSizeInBytes(), int64_t(alloc.getOffset().value_or(0))});
    }
  }

  void print(llvm::raw_ostream &stream);

private:
  void printPeak(llvm::raw_ostream &stream);
  void printRows(llvm::raw_ostream &stream);
  void printArguments(llvm::raw_ostream &stream);
  std::string labelAt(unsigned position);

  func::FuncOp function;
  /// In the order of the positions of lifetimes.
  SmallVector<Operation *> operations;
  SmallVector<Row> rows;
};

} // namespace

/// The name of what lies in a buffer, if the author gave it one, and its shape: `logits f32 32x10x10000`.
static std::string describeContents(AllocOp op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op.getLoc()->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (!named)
      return WalkResult::advance();
    stream << named.getName().getValue() << " ";
    return WalkResult::interrupt();
  });
  BufferType type = op.getType();
  stream << type.getElementType() << " ";
  llvm::interleave(type.getShape(), stream, "x");
  if (int64_t width = type.getPanelWidth())
    stream << " in panels of " << width;
  if (TilesAttr tiles = type.getTiles())
    stream << " in " << tiles.getPlanes() << " planes of tiles";
  return text;
}

/// How a region of kernels is called in a table; empty for what is none.
static StringRef describeRegions(Operation *op) {
  if (isa_and_nonnull<PrepareOp>(op))
    return "preparation from ";
  if (isa_and_nonnull<LoopOp>(op))
    return "loop of ";
  if (isa_and_nonnull<WhileOp>(op))
    return "while of ";
  if (isa_and_nonnull<GroupOp>(op))
    return "group of ";
  return isa_and_nonnull<CondOp>(op) ? "cond of " : "";
}

/// The kernel at a position; a loop or branch is named by its first kernel.
std::string PlanTable::labelAt(unsigned position) {
  Operation *op = operations[position];
  if (auto kernel = dyn_cast<ComputeOp>(op))
    return kernel.getLabel().str();
  while (op && describeRegions(op).empty())
    op = op->getParentOp();
  std::string label;
  if (op)
    op->walk([&](ComputeOp kernel) {
      if (label.empty())
        label = (describeRegions(op) + kernel.getLabel()).str();
    });
  return label;
}

void PlanTable::printPeak(llvm::raw_ostream &stream) {
  unsigned peak = 0;
  int64_t most = 0;
  for (const Row &row : rows) {
    int64_t total = 0;
    for (const Row &other : rows)
      if (other.lifetime.from <= row.lifetime.from && row.lifetime.from <= other.lifetime.to)
        total += other.size;
    if (total > most)
      most = total, peak = row.lifetime.from;
  }
  auto arena = function->getAttrOfType<IntegerAttr>(KernelDialect::kArenaAttr);
  stream << "// @" << function.getName() << ": arena " << formatBytes(arena ? uint64_t(arena.getInt()) : 0);
  if (most)
    stream << ", of which " << formatBytes(uint64_t(most)) << " in use at \"" << labelAt(peak) << "\"";
  stream << "\n";
}

void PlanTable::printRows(llvm::raw_ostream &stream) {
  Table table({"offset", "bytes", "from", "to", "what", "line"});
  llvm::sort(rows, [](const Row &a, const Row &b) {
    return std::tuple(a.offset, a.lifetime.from) < std::tuple(b.offset, b.lifetime.from);
  });
  for (Row &row : rows) {
    // Position 0 is the function's own: nothing else is in use from there on but what stays from call to call.
    bool isKept = row.lifetime.from == 0;
    table.add({formatCount(row.offset), formatCount(row.size), isKept ? "prepared" : labelAt(row.lifetime.from),
               isKept ? "kept for the next call" : labelAt(row.lifetime.to), describeContents(row.op),
               graph::describeLine(row.op.getLoc())});
  }
  graph::printAsComments(table, stream);
}

void PlanTable::printArguments(llvm::raw_ostream &stream) {
  int64_t parameters = 0, state = 0, inputs = 0, outputs = 0;
  for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
    int64_t bytes = cast<BufferType>(argument.getType()).getSizeInBytes();
    auto role = function.getArgAttrOfType<StringAttr>(unsigned(index), graph::GraphDialect::kRoleAttr);
    StringRef name = role ? role.getValue() : "";
    int64_t &sum = name == graph::GraphDialect::kParameterRole ? parameters
                   : name == graph::GraphDialect::kStateRole   ? state
                   : name == KernelDialect::kOutputRole        ? outputs
                                                               : inputs;
    sum += bytes;
  }
  auto text = [](int64_t bytes) { return formatBytes(uint64_t(bytes)); };
  stream << "//   beside it: parameters " << text(parameters) << ", state " << text(state) << ", inputs "
         << text(inputs) << ", outputs " << text(outputs) << "\n";
}

void PlanTable::print(llvm::raw_ostream &stream) {
  printPeak(stream);
  if (!rows.empty())
    printRows(stream);
  printArguments(stream);
}

std::string moru::kernel::printPlanTables(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && function->hasAttr(KernelDialect::kArenaAttr))
      PlanTable(function).print(stream);
  return text;
}
