//===- ScalarCode.cpp - programs number by number -----------------------------------===//
// LLVM IR without vectors, optimized: entries of vectors that nothing reads are gone, and so is what is added to zeros.
// What is undefined must not make programs the same: accesses to memory all stay as they are, flags that promise
// something go, and operations that are undefined for some operands are listed.
//===----------------------------------------------------------------------===//

#include "ScalarCode.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Transforms/Scalar/ScalarizeMaskedMemIntrin.h"
#include "llvm/Transforms/Scalar/Scalarizer.h"

using namespace llvm;

static void run(Module &module, function_ref<void(PassBuilder &, ModulePassManager &)> addPasses) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager callGraph;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = false;
  PassBuilder builder(nullptr, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  ModulePassManager passes;
  addPasses(builder, passes);
  passes.run(module, modules);
}

/// Functions of numbers alone are the C library's, and known.
static void describeMath(Module &module) {
  for (Function &function : module) {
    function.removeFnAttr("no-builtins");
    if (function.isDeclaration() && !function.isIntrinsic() && function.getReturnType()->isFloatingPointTy() &&
        all_of(function.args(), [](Argument &argument) { return argument.getType()->isFloatingPointTy(); })) {
      function.setDoesNotAccessMemory();
      function.setWillReturn();
      function.setDoesNotThrow();
    }
  }
}

/// Whether the result is undefined for some operands, or the program ends.
static bool isPartial(const Instruction &instruction) {
  switch (instruction.getOpcode()) {
  case Instruction::UDiv:
  case Instruction::SDiv:
  case Instruction::URem:
  case Instruction::SRem:
  case Instruction::Shl:
  case Instruction::LShr:
  case Instruction::AShr:
  case Instruction::FPToUI:
  case Instruction::FPToSI:
  case Instruction::ExtractElement:
  case Instruction::InsertElement:
    return true;
  default:
    return false;
  }
}

/// The operations that are undefined for some operands, with those of their operands that are constants.
static void listPartial(const Module &module, raw_ostream &stream) {
  for (const Function &function : module)
    for (const Instruction &instruction : instructions(function)) {
      if (!isPartial(instruction))
        continue;
      stream << instruction.getOpcodeName() << ' ' << *instruction.getType();
      for (const Value *operand : instruction.operands())
        if (isa<Constant>(operand))
          operand->printAsOperand(stream << ' ', /*PrintType=*/false);
        else
          stream << " _";
      stream << '\n';
    }
}

/// No access may be dropped, and no promise be relied on.
static void makeStrict(Module &module) {
  for (Function &function : module)
    for (Instruction &instruction : instructions(function)) {
      if (auto *load = dyn_cast<LoadInst>(&instruction))
        load->setVolatile(true);
      else if (auto *store = dyn_cast<StoreInst>(&instruction))
        store->setVolatile(true);
      if (!isa<FPMathOperator>(instruction))
        instruction.dropPoisonGeneratingFlags();
    }
}

/// Values are known by the order in which they are made.
static void dropNames(Module &module) {
  for (Function &function : module) {
    for (Argument &argument : function.args())
      argument.setName("");
    for (BasicBlock &block : function) {
      block.setName("");
      for (Instruction &instruction : block)
        instruction.setName("");
    }
  }
}

std::string moru::check::toScalarCode(StringRef text) {
  LLVMContext context;
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module = parseAssemblyString(text, diagnostic, context);
  if (!module)
    return {};
  std::string code;
  raw_string_ostream stream(code);
  listPartial(*module, stream);
  describeMath(*module);
  run(*module, [](PassBuilder &, ModulePassManager &passes) {
    passes.addPass(createModuleToFunctionPassAdaptor(ScalarizeMaskedMemIntrinPass()));
  });
  makeStrict(*module);
  run(*module, [](PassBuilder &builder, ModulePassManager &passes) {
    passes.addPass(createModuleToFunctionPassAdaptor(ScalarizerPass()));
    passes.addPass(builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2));
  });
  dropNames(*module);
  module->print(stream, nullptr);
  return code;
}
