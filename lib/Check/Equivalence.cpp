//===- Equivalence.cpp - programs that compute the same ---------------------------===//
// Function by function, by name; what is the same text needs no proof.
//===----------------------------------------------------------------------===//

#include "Equivalence.h"

#include "Native.h"
#include "ScalarCode.h"
#include "Symbolic.h"

#include "moru/Compiler/Codegen.h"
#include "moru/Support/Files.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

/// Functions by name.
static std::map<std::string, Operation *> functionsIn(Operation *scope) {
  std::map<std::string, Operation *> functions;
  scope->walk([&](FunctionOpInterface function) { functions[function.getName().str()] = function; });
  return functions;
}

static bool isSameText(Operation *first, Operation *second) {
  return OperationEquivalence::isEquivalentTo(first, second, OperationEquivalence::IgnoreLocations);
}

static bool isSameTensor(const SymbolicTensor &tensor, const SymbolicTensor &other) {
  return tensor.type == other.type && tensor.terms == other.terms;
}

static bool giveSameTerms(func::FuncOp function, func::FuncOp other, FindMeanings findMeanings, bool finite) {
  Terms terms(finite);
  FailureOr<SymbolicRun> run = runSymbolically(terms, function, findMeanings(function));
  if (failed(run))
    return false;
  FailureOr<SymbolicRun> otherRun = runSymbolically(terms, other, findMeanings(other));
  if (failed(otherRun) || run->facts != otherRun->facts)
    return false;
  return llvm::equal(run->results, otherRun->results, isSameTensor);
}

/// Whether two kernels compute the same, whatever they read. A buffer that is read twice has one content.
static bool areSameKernels(kernel::ComputeOp kernel, kernel::ComputeOp other, bool finite) {
  Terms terms(finite);
  SymbolicTensors operands;
  SmallVector<Value> reads = llvm::to_vector(kernel.getReads());
  for (auto [argument, buffer] : llvm::zip_equal(kernel.getBodyBlock()->getArguments(), reads)) {
    auto type = cast<RankedTensorType>(argument.getType());
    operands.push_back(makeVariables(terms, type, llvm::find(reads, buffer) - reads.begin()));
  }
  FailureOr<SymbolicTensors> results = evaluateSymbolically(terms, *kernel.getBodyBlock(), operands);
  FailureOr<SymbolicTensors> others = evaluateSymbolically(terms, *other.getBodyBlock(), operands);
  return succeeded(results) && succeeded(others) && llvm::equal(*results, *others, isSameTensor);
}

static SmallVector<kernel::ComputeOp> kernelsIn(func::FuncOp function) {
  SmallVector<kernel::ComputeOp> kernels;
  function.walk([&](kernel::ComputeOp kernel) { kernels.push_back(kernel); });
  return kernels;
}

/// Whether programs differ in nothing but the bodies of kernels, each of which computes the same alone: then what is
/// around them, loops of unknown length too, does not count.
static bool haveSameKernels(func::FuncOp function, func::FuncOp other, bool finite) {
  OwningOpRef<func::FuncOp> copy = other.clone();
  SmallVector<kernel::ComputeOp> kernels = kernelsIn(function), others = kernelsIn(*copy);
  if (kernels.size() != others.size())
    return false;
  for (auto [kernel, otherKernel] : llvm::zip_equal(kernels, others)) {
    if (isSameText(kernel, otherKernel))
      continue;
    auto types = [](kernel::ComputeOp op) { return op->getOperandTypes(); };
    if (!llvm::equal(types(kernel), types(otherKernel)) || !areSameKernels(kernel, otherKernel, finite))
      return false;
    Region &body = otherKernel->getRegion(0);
    body.dropAllReferences();
    body.getBlocks().clear();
    IRMapping mapping;
    kernel->getRegion(0).cloneInto(&body, mapping);
  }
  return isSameText(function, *copy);
}

/// Allows floating-point operations to take zeros of either sign for one, as results are compared.
static void ignoreSignOfZero(ModuleOp module) {
  module.walk([](LLVM::FastmathFlagsInterface op) {
    LLVM::FastmathFlags flags = op.getFastmathAttr().getValue() | LLVM::FastmathFlags::nsz;
    op->setAttr(op.getFastmathAttrName(), LLVM::FastmathFlagsAttr::get(op->getContext(), flags));
  });
}

/// Code of a module of the LLVM dialect, or of the kernels of one of loops.
static llvm::Expected<Codegen> createCodegen(ModuleOp module, CodeQuality quality) {
  bool isLowered = module.getOps<func::FuncOp>().empty();
  OwningOpRef<ModuleOp> copy = isLowered ? module.clone() : lowerKernelsPlainly(module);
  if (!copy)
    return makeError("expected kernels that upstream's passes can lower");
  ignoreSignOfZero(*copy);
  return Codegen::create(*copy, Target::host(), quality, /*cache=*/false);
}

/// Optimized machine code; empty where there is none.
static std::string emitOptimized(ModuleOp module) {
  llvm::Expected<Codegen> codegen = createCodegen(module, CodeQuality::Optimized);
  llvm::Expected<std::string> assembly = codegen ? codegen->emitAssembly() : codegen.takeError();
  if (assembly)
    return *assembly;
  llvm::consumeError(assembly.takeError());
  return {};
}

/// Code without vectors; empty where there is none.
static std::string emitScalars(ModuleOp module) {
  llvm::Expected<Codegen> codegen = createCodegen(module, CodeQuality::Plain);
  if (codegen)
    return toScalarCode(codegen->emitLLVM());
  llvm::consumeError(codegen.takeError());
  return {};
}

static bool giveSameCode(Operation *program, Operation *other) {
  auto module = dyn_cast<ModuleOp>(program), otherModule = dyn_cast<ModuleOp>(other);
  if (!module || !otherModule)
    return false;
  std::string code = emitOptimized(module);
  if (!code.empty() && code == emitOptimized(otherModule))
    return true;
  std::string scalars = emitScalars(module);
  return !scalars.empty() && scalars == emitScalars(otherModule);
}

bool check::areEquivalent(Operation *program, Operation *other, FindMeanings findMeanings, bool finite) {
  ScopedDiagnosticHandler silence(program->getContext(), [](Diagnostic &) { return success(); });
  std::map<std::string, Operation *> functions = functionsIn(program), others = functionsIn(other);
  if (!llvm::equal(llvm::make_first_range(functions), llvm::make_first_range(others)))
    return false;
  bool hasOtherCode = false;
  for (auto &[name, function] : functions) {
    if (isSameText(function, others[name]))
      continue;
    auto source = dyn_cast<func::FuncOp>(function), otherSource = dyn_cast<func::FuncOp>(others[name]);
    if (!source || !otherSource || getStage(source) == FunctionStage::Other)
      hasOtherCode = true;
    else if (getStage(source) != getStage(otherSource))
      return false;
    else if (!giveSameTerms(source, otherSource, findMeanings, finite) &&
             !(getStage(source) == FunctionStage::Kernels && haveSameKernels(source, otherSource, finite)))
      return false;
  }
  return !hasOtherCode || giveSameCode(program, other);
}
