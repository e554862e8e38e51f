// Signatures from function attributes.

#include "moru/Compiler/ReadSignature.h"

#include "moru/Dialect/Graph/ElementTypes.h"
#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

using moru::graph::GraphDialect;
using moru::kernel::BufferType;
using moru::kernel::KernelDialect;

namespace moru {

namespace {

/// Reads one function; every failure is an error at it.
class FunctionReader {
public:
  explicit FunctionReader(func::FuncOp function) : function(function) { signature.name = function.getSymName().str(); }

  FailureOr<FunctionSignature> read() {
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      if (failed(readArgument(index, type)))
        return failure();
    if (auto arena = function->getAttrOfType<IntegerAttr>(KernelDialect::kArenaAttr))
      signature.arenaBytes = arena.getInt();
    for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
      if (failed(readResult(index, type)))
        return failure();
    llvm::append_range(signature.results, outputs);
    return signature;
  }

private:
  /// Name, type and shape, which arguments and results have in common.
  template <typename Value>
  LogicalResult readTyped(Value &value, Type type, StringAttr name, Twine otherwise, llvm::StringSet<> &names) {
    value.name = name ? name.str() : otherwise.str();
    auto buffer = dyn_cast<BufferType>(type);
    if (buffer && !buffer.isRowMajor())
      return function.emitOpError("expected '") << value.name << "' to be stored in row-major order, got " << type;
    auto tensor = buffer ? buffer.getTensorType() : dyn_cast<RankedTensorType>(type);
    std::optional<ElementType> element = tensor ? graph::toElementType(tensor.getElementType()) : std::nullopt;
    if (!element || !tensor.hasStaticShape())
      return function.emitOpError("expected '")
             << value.name
             << "' to be a tensor of static shape and of one of the types f64 f32 f16 bf16 i64 i32 i16 i8 i1, got "
             << type;
    if (!names.insert(value.name).second)
      return function.emitOpError("expected every name once, got '") << value.name << "' twice";
    value.type = *element;
    value.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
    return success();
  }

  LogicalResult readRole(StringAttr role, Role &result) {
    for (Role candidate : {Role::Input, Role::Parameter, Role::State, Role::Length}) {
      if (!role || role.getValue() == StringRef(toString(candidate))) {
        result = candidate;
        return success();
      }
    }
    return function.emitOpError("expected graph.role to be input, parameter, state or length, got ") << role;
  }

  LogicalResult readArgument(unsigned index, Type type) {
    auto name = function.getArgAttrOfType<StringAttr>(index, GraphDialect::kNameAttr);
    auto role = function.getArgAttrOfType<StringAttr>(index, GraphDialect::kRoleAttr);
    if (role && role.getValue() == KernelDialect::kOutputRole)
      return readOutput(index, type, name);
    if (!outputs.empty())
      return function.emitOpError("expected outputs behind all other arguments, got argument ")
             << index << " behind an output";
    ArgumentSignature argument;
    if (failed(readTyped(argument, type, name, "arg" + Twine(index), argumentNames)) ||
        failed(readRole(role, argument.role)))
      return failure();
    argument.lengths = readLengths(function.getArgAttrOfType<ArrayAttr>(index, GraphDialect::kLengthsAttr));
    if (auto minimum = function.getArgAttrOfType<IntegerAttr>(index, GraphDialect::kMinimumAttr))
      argument.minimum = minimum.getInt();
    if (auto updated = function.getArgAttrOfType<StringAttr>(index, KernelDialect::kUpdatedAttr))
      signature.results.push_back(
          {updated.str(), argument.type, argument.shape, int64_t(signature.arguments.size()), argument.lengths});
    signature.arguments.push_back(std::move(argument));
    return success();
  }

  /// The names of the lengths of the axes.
  static std::vector<std::string> readLengths(ArrayAttr names) {
    std::vector<std::string> lengths;
    for (Attribute name : names ? names.getValue() : ArrayRef<Attribute>())
      lengths.push_back(cast<StringAttr>(name).str());
    return lengths;
  }

  /// In the kernel dialect a result that is not donated is an argument.
  LogicalResult readOutput(unsigned index, Type type, StringAttr name) {
    ResultSignature result;
    if (failed(readTyped(result, type, name, "result" + Twine(outputs.size()), resultNames)))
      return failure();
    result.lengths = readLengths(function.getArgAttrOfType<ArrayAttr>(index, GraphDialect::kLengthsAttr));
    outputs.push_back(std::move(result));
    return success();
  }

  LogicalResult readDonation(unsigned index, ResultSignature &result) {
    auto donated = function.getResultAttrOfType<IntegerAttr>(index, GraphDialect::kDonatedAttr);
    if (!donated)
      return success();
    int64_t target = donated.getInt();
    if (target < 0 || target >= int64_t(signature.arguments.size()))
      return function.emitOpError("expected graph.donated of '")
             << result.name << "' to be an argument's index, got " << target;
    const ArgumentSignature &argument = signature.arguments[target];
    if (argument.type != result.type || argument.shape != result.shape)
      return function.emitOpError("expected '")
             << result.name << "' to have the type of the argument that it replaces, "
             << moru::toString(argument.type, argument.shape) << ", got " << moru::toString(result.type, result.shape);
    result.donated = target;
    return success();
  }

  LogicalResult readResult(unsigned index, Type type) {
    ResultSignature result;
    if (failed(readTyped(result, type, function.getResultAttrOfType<StringAttr>(index, GraphDialect::kNameAttr),
                         "result" + Twine(index), resultNames)) ||
        failed(readDonation(index, result)))
      return failure();
    signature.results.push_back(std::move(result));
    return success();
  }

  func::FuncOp function;
  FunctionSignature signature;
  std::vector<ResultSignature> outputs;
  llvm::StringSet<> argumentNames, resultNames;
};

} // namespace

FailureOr<ProgramSignature> readSignature(ModuleOp module) {
  ProgramSignature program;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    FailureOr<FunctionSignature> signature = FunctionReader(function).read();
    if (failed(signature))
      return failure();
    program.functions.push_back(std::move(*signature));
  }
  if (Result<std::vector<ArgumentSignature>> residents = program.residents(); !residents)
    return module.emitError(residents.message());
  return program;
}

} // namespace moru
