// The building of a graph, behind the handles of the language: what a Tensor refers to, the function that is being
// traced, and the helper with which each operation is written.

#ifndef MORU_LIB_DSL_TRACE_H
#define MORU_LIB_DSL_TRACE_H

#include "moru/DSL/Program.h"
#include "moru/Dialect/Graph/Dims.h"
#include "moru/Dialect/Graph/Graph.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

namespace moru::detail {

/// A dimension whose size is known at run time.
struct BoundedDim {
  std::string name;
  int64_t max;
};
/// The bounded dimension that a number in the place of a size stands for, if it does.
std::optional<BoundedDim> findBounded(int64_t size);
/// A size, or the maximum of the dimension that it stands for.
int64_t largestSize(int64_t size);
/// `32` or `len<=64`.
std::string describeSize(int64_t size);
/// What is wrong with the sizes of new axes, if anything is.
std::optional<std::string> findMistake(const Dims &dims);
/// Sizes and types of MLIR from those of the language, and back.
graph::Extent extentOf(mlir::MLIRContext *context, int64_t size);
mlir::RankedTensorType tensorType(mlir::Type element, llvm::ArrayRef<int64_t> shape);
Shape shapeOf(mlir::RankedTensorType type);

/// The names of the axes of a tensor, "" for none; as many as axes.
using AxisNames = std::vector<std::string>;

/// What a Tensor refers to: a value of one trace, a parameter of a module, or nothing that is known.
struct TensorImpl {
  ElementType type = ElementType::F32;
  Shape shape;
  AxisNames axisNames;
  std::string name;
  Here at;
  bool poisoned = false;
  /// Made where no function was being traced; reported at its first use in one.
  bool outside = false;

  // A value of a trace.
  uint64_t trace = 0;
  mlir::Value value;

  // A parameter.
  std::weak_ptr<ModuleImpl> module;
  uint64_t moduleSerial = 0; // Modules count from 1; 0: not a parameter.
  uint32_t index = 0;
  init::Initializer initializer;
  bool frozen = false;

  bool isParameter() const { return moduleSerial != 0; }
};

/// The parameters of a tree of modules.
struct ModuleImpl {
  uint64_t serial;
  std::vector<std::shared_ptr<TensorImpl>> parameters;
  std::vector<Diagnostic> errors;
};

struct ProgramImpl {
  ProgramImpl();
  void error(Here at, const llvm::Twine &message);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The stream of the next operation that draws random numbers.
  uint32_t nextStream = 0;
  std::vector<Diagnostic> errors;
  /// All of them, those that were left out too.
  size_t errorCount = 0;
};

/// `[batch=32, 128]`, with the type where it is not f32.
std::string describe(const TensorImpl &tensor);
/// `lstm.cpp:9`
std::string describe(Here at);

/// A function that is being traced.
class Trace {
public:
  Trace(ProgramImpl &program, llvm::StringRef name, Here at);
  ~Trace();
  Trace(const Trace &) = delete;

  /// The innermost trace of this thread, or null.
  static Trace *current();

  /// The value of a tensor here; null after an error (reported now or before). `operation` is named in the error.
  mlir::Value use(const Tensor &tensor, Here at, llvm::StringRef operation);
  /// A handle of a value. Axis names may be shorter than the rank.
  Tensor wrap(mlir::Value value, Here at, AxisNames axisNames = {});
  /// A new argument; parameters come first, in order of construction, then state, then inputs.
  Tensor addArgument(llvm::StringRef role, const TensorType &type, Here at);
  /// Records a mistake at the author's line.
  void error(Here at, const llvm::Twine &message);
  /// The location of an operation: the author's line, and the line in the layer that was called from there.
  mlir::Location location(Here at) const;

  /// What is wrong with the sizes of new axes, if anything is.
  std::optional<std::string> checkDims(const Dims &dims, bool isState);
  void update(const Tensor &target, const Tensor &value, Here at);
  void output(llvm::StringRef name, const Tensor &value, Here at);
  /// Completes the function; on an error it is removed.
  bool finish();

  ProgramImpl &program;
  mlir::func::FuncOp function;
  mlir::OpBuilder builder;
  const uint64_t serial;
  const Here at;
  /// The author's lines from which layers were entered, outermost first.
  llvm::SmallVector<Here> callers;
  unsigned inputCount = 0;

private:
  struct Argument {
    llvm::StringRef role;
    std::string name;
    /// Parameters only: module and place.
    std::pair<uint64_t, uint32_t> order;
    Here at;
  };
  struct Result {
    std::string name;
    mlir::Value value;
    /// Replaces this argument.
    mlir::BlockArgument target;
    Here at;
  };

  mlir::Value parameterArgument(const TensorImpl &parameter);
  mlir::BlockArgument insertArgument(unsigned position, Argument argument, mlir::RankedTensorType type,
                                     const AxisNames &axisNames);
  bool isVisible(mlir::Value value);
  void removeDeadCode();
  void buildReturn();

  /// Maxima of the bounded dimensions.
  llvm::StringMap<int64_t> maxima;
  llvm::SmallVector<Argument> arguments; // In the order of the block's.
  llvm::SmallVector<Result> results;
  size_t errorsBefore;
  Trace *previous;
};

/// One operation of the language while it is built: finds the trace, resolves operands, reports mistakes.
///
///     OpBuilding op("softmax", at, {&x});
///     if (!op)
///       return op.poison();
class OpBuilding {
public:
  OpBuilding(llvm::StringRef name, Here at, llvm::ArrayRef<const Tensor *> operands = {});
  /// All operands are known.
  explicit operator bool() const { return valid; }

  mlir::Value operator[](size_t index) const { return values[index]; }
  llvm::ArrayRef<mlir::Value> operands() const { return values; }
  mlir::OpBuilder &builder() { return trace->builder; }
  mlir::Location loc() const { return trace->location(at); }
  mlir::RankedTensorType type(ElementType element, llvm::ArrayRef<int64_t> shape) const;

  /// A result about which nothing is known.
  Tensor poison() const;
  /// Records the mistake `name: message`.
  Tensor fail(const llvm::Twine &message);
  Tensor result(mlir::Value value, AxisNames axisNames = {}) { return trace->wrap(value, at, std::move(axisNames)); }
  /// `x is [32, 128] (from lstm.cpp:9)`; `role` where the tensor has no name.
  std::string describe(const Tensor &tensor, llvm::StringRef role) const;
  /// A negative axis counts from the end of `rank`; records a mistake and gives nothing where it is out of range.
  std::optional<int64_t> axis(int64_t axis, int64_t rank, const Tensor &tensor, llvm::StringRef role);
  /// Sizes of new axes; records a mistake where one is none, or a bounded dimension that the function knows otherwise.
  bool checkDims(const Dims &dims);
  /// Records a mistake where the axis is bounded: how many entries there are is known at run time alone. `purpose`:
  /// what wants to know.
  bool isStaticAxis(const Tensor &x, int64_t axis, const llvm::Twine &purpose, llvm::StringRef role = "x");

  Trace *trace;
  llvm::StringRef name;
  Here at;

private:
  bool valid = true;
  llvm::SmallVector<mlir::Value> values;
};

/// Sizes and names of axes.
Shape sizesOf(const Dims &dims);
AxisNames namesOf(const Dims &dims);
/// The axis names of a tensor.
const AxisNames &namesOf(const Tensor &tensor);

} // namespace moru::detail

#endif // MORU_LIB_DSL_TRACE_H
