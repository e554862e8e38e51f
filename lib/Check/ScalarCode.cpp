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
#include "llvm/IR/PatternMatch.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Transforms/Scalar/ScalarizeMaskedMemIntrin.h"
#include "llvm/Transforms/Scalar/Scalarizer.h"

using namespace llvm;
using namespace llvm::PatternMatch;

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

/// Whether the lower 16 bits of an f32 value are zero where it is NaN: it was bf16, or an instruction of the processor
/// made it of such numbers, which quiets one of them or gives the NaN that it has for infinity less infinity.
static bool hasNarrowNaN(const Value *value, int depth = 0) {
  constexpr int kDeepest = 16;
  const Value *bits;
  if (auto *constant = dyn_cast<ConstantFP>(value))
    return !constant->isNaN();
  if (match(value, m_BitCast(m_Shl(m_Value(bits), m_SpecificInt(16)))))
    return true;
  auto *instruction = dyn_cast<Instruction>(value);
  if (!instruction || depth == kDeepest)
    return false;
  auto isNarrow = [&](const Value *operand) { return hasNarrowNaN(operand, depth + 1); };
  switch (instruction->getOpcode()) {
  case Instruction::FAdd:
  case Instruction::FSub:
  case Instruction::FMul:
  case Instruction::FDiv:
  case Instruction::FNeg:
    return all_of(instruction->operand_values(), isNarrow);
  case Instruction::Select:
    return isNarrow(instruction->getOperand(1)) && isNarrow(instruction->getOperand(2));
  default:
    return false;
  }
}

/// The f32 number that `instruction` rounds to the upper 16 bits of an i32, with a case of its own for NaN, and what it
/// is where there is none. Without the case, such a NaN with nothing in its lower half stays one.
static Value *matchNeedlessCase(Instruction &instruction) {
  Value *number, *compared, *kept, *rounded, *bits, *again, *last;
  CmpPredicate predicate;
  if (!match(&instruction,
             m_Select(m_FCmp(predicate, m_Value(number), m_Value(compared)), m_Value(kept), m_Value(rounded))) ||
      predicate != FCmpInst::FCMP_UNO || number != compared || !hasNarrowNaN(number))
    return nullptr;
  auto upper = m_LShr(m_BitCast(m_Specific(number)), m_SpecificInt(16));
  bool keepsNaN = match(kept, upper) || match(kept, m_c_Or(upper, m_SpecificInt(64)));
  bool isRounded =
      match(rounded, m_LShr(m_Add(m_Value(bits), m_Add(m_And(m_LShr(m_Value(again), m_SpecificInt(16)), m_One()),
                                                       m_SpecificInt(0x7fff))),
                            m_SpecificInt(16)));
  last = nullptr;
  return keepsNaN && isRounded && bits == again && match(bits, m_BitCast(m_Value(last))) && last == number ? rounded
                                                                                                           : nullptr;
}

/// Which NaN a number is, does not count.
static void dropNeedlessCases(Module &module) {
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (Value *rounded = matchNeedlessCase(instruction))
        instruction.replaceAllUsesWith(rounded);
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
  run(*module, [](PassBuilder &, ModulePassManager &passes) {
    passes.addPass(createModuleToFunctionPassAdaptor(ScalarizerPass()));
  });
  dropNeedlessCases(*module);
  run(*module, [](PassBuilder &builder, ModulePassManager &passes) {
    passes.addPass(builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2));
  });
  dropNames(*module);
  module->print(stream, nullptr);
  return code;
}
