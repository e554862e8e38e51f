//===- LowerTiles.cpp - matrix units as intrinsics of LLVM ------------------===//
// Before anything else becomes LLVM's: operations of the dialect amx are calls of intrinsics, tiles are of LLVM's type
// for them. So that loops that carry tiles need no conversion of their own.
//===----------------------------------------------------------------------===//

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace {

class TileLowering {
public:
  explicit TileLowering(Operation *op) : builder(op->getLoc(), op) {}

  void lower(amx::TileZeroOp op) {
    replace(op, "llvm.x86.tilezero.internal", {rows(op.getType()), bytes(op.getType())});
  }
  void lower(amx::TileLoadOp op) {
    amx::TileType type = op.getTileType();
    replace(op, "llvm.x86.tileloadd64.internal",
            {rows(type), bytes(type), pointer(op.getBase(), op.getIndices()[0]), stride(op.getBase(), op.getStride())});
  }
  void lower(amx::TileStoreOp op) {
    amx::TileType type = op.getTileType();
    LLVM::CallIntrinsicOp::create(builder, builder.getStringAttr("llvm.x86.tilestored64.internal"),
                                  ValueRange{rows(type), bytes(type), pointer(op.getBase(), op.getIndices()[0]),
                                             stride(op.getBase(), op.getStride()), op.getVal()});
    op.erase();
  }
  void lower(amx::TileMulFOp op) {
    replace(op, "llvm.x86.tdpbf16ps.internal",
            {rows(op.getLhsTileType()), bytes(op.getRhsTileType()), bytes(op.getLhsTileType()), op.getAcc(),
             op.getLhs(), op.getRhs()});
  }

private:
  static int64_t sizeOf(Type element) { return element.getIntOrFloatBitWidth() / 8; }
  Value number(int64_t value) { return LLVM::ConstantOp::create(builder, builder.getI16IntegerAttr(int16_t(value))); }
  Value rows(amx::TileType type) { return number(type.getShape()[0]); }
  Value bytes(amx::TileType type) { return number(type.getShape()[1] * sizeOf(type.getElementType())); }

  /// Bytes to entry `index` of a buffer with one axis.
  Value scale(Value base, Value index) {
    Value size = arith::ConstantIndexOp::create(builder, sizeOf(cast<MemRefType>(base.getType()).getElementType()));
    return arith::MulIOp::create(builder, index, size);
  }
  Value toInteger(Value index) { return arith::IndexCastOp::create(builder, builder.getI64Type(), index); }
  Value stride(Value base, Value entries) { return toInteger(scale(base, entries)); }
  Value pointer(Value base, Value index) {
    Value start = memref::ExtractAlignedPointerAsIndexOp::create(builder, base);
    // The pointer is that of the whole buffer; a part of it begins behind.
    if (auto part = base.getDefiningOp<memref::ReinterpretCastOp>())
      index = arith::AddIOp::create(
          builder, index, getValueOrCreateConstantIndexOp(builder, builder.getLoc(), part.getMixedOffsets()[0]));
    Value address = arith::AddIOp::create(builder, start, scale(base, index));
    return LLVM::IntToPtrOp::create(builder, LLVM::LLVMPointerType::get(builder.getContext()), toInteger(address));
  }

  void replace(Operation *op, StringRef intrinsic, ArrayRef<Value> operands) {
    auto call =
        LLVM::CallIntrinsicOp::create(builder, op->getResult(0).getType(), builder.getStringAttr(intrinsic), operands);
    op->getResult(0).replaceAllUsesWith(call->getResult(0));
    op->erase();
  }

  ImplicitLocOpBuilder builder;
};

} // namespace

void moru::lowerTiles(ModuleOp module) {
  SmallVector<Operation *> operations;
  module.walk([&](Operation *op) {
    if (isa<amx::AMXDialect>(op->getDialect()))
      operations.push_back(op);
  });
  if (operations.empty())
    return;
  for (Operation *op : operations)
    TypeSwitch<Operation *>(op).Case<amx::TileZeroOp, amx::TileLoadOp, amx::TileStoreOp, amx::TileMulFOp>(
        [](auto op) { TileLowering(op).lower(op); });
  AttrTypeReplacer replacer;
  auto tile = LLVM::LLVMX86AMXType::get(module.getContext());
  replacer.addReplacement([&](amx::TileType) -> Type { return tile; });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/false, /*replaceLocs=*/false, /*replaceTypes=*/true);
}
