//===- BF16AsBits.cpp - bf16 as 16 bits ------------------------------------===//
// Loops compute in f32 and only move bf16. LLVM takes vectors of bf16 apart and puts them together with calls of
// compiler-rt where the target lacks a type of its own; it moves integers as they are.
//===----------------------------------------------------------------------===//

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"

using namespace mlir;

/// bitcast %x : vector<16xi16> to vector<16xi16>  ->  %x
static void dropBitcasts(ModuleOp module) {
  module.walk([](LLVM::BitcastOp op) {
    if (op.getType() != op.getArg().getType())
      return;
    op.replaceAllUsesWith(op.getArg());
    op.erase();
  });
}

void moru::storeBF16AsBits(ModuleOp module) {
  auto bits = IntegerType::get(module.getContext(), 16);
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](BFloat16Type) -> Type { return bits; });
  replacer.addReplacement([&](FloatAttr number) -> std::optional<Attribute> {
    if (!number.getType().isBF16())
      return std::nullopt;
    return IntegerAttr::get(bits, number.getValue().bitcastToAPInt());
  });
  replacer.addReplacement([&](DenseElementsAttr numbers) -> std::optional<std::pair<Attribute, WalkResult>> {
    if (!numbers.getElementType().isBF16())
      return std::nullopt;
    return std::make_pair(Attribute(numbers.bitcast(bits)), WalkResult::skip());
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  dropBitcasts(module);
}
