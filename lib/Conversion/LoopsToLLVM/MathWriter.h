//===- MathWriter.h - arithmetic in the shape of one value ----------------===//
// What the formulas of functions are written with: each method makes one operation on numbers or on vectors, whichever
// its operands are.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_LOOPSTOLLVM_MATHWRITER_H
#define MORU_LIB_CONVERSION_LOOPSTOLLVM_MATHWRITER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

#include <limits>

namespace moru {

class MathWriter {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;

  /// Writes before `op`, in the shape of its result.
  MathWriter(mlir::PatternRewriter &rewriter, mlir::Operation *op, int64_t vectorBits = 0)
      : builder(op->getLoc(), rewriter), shape(op->getResult(0).getType()), isWide(vectorBits >= 512) {}

  //===------------------------------------------------------------------===//
  // Types
  //===------------------------------------------------------------------===//

  Type withElement(Type element) const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(shape);
    return vector ? Type(vector.clone(element)) : element;
  }
  Type f32() { return withElement(builder.getF32Type()); }
  Type f64() { return withElement(builder.getF64Type()); }
  Type i32() { return withElement(builder.getI32Type()); }
  Type i64() { return withElement(builder.getI64Type()); }

  //===------------------------------------------------------------------===//
  // Floating point
  //===------------------------------------------------------------------===//

  /// A number, rounded to the type.
  Value constant(Type type, double value) {
    return splat(type, builder.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
  }
  Value constant(double value) { return constant(f32(), value); }
  Value infinity(Type type) { return constant(type, std::numeric_limits<double>::infinity()); }
  Value nan(Type type) { return constant(type, std::numeric_limits<double>::quiet_NaN()); }
  Value add(Value a, Value b) { return mlir::arith::AddFOp::create(builder, a, b); }
  Value sub(Value a, Value b) { return mlir::arith::SubFOp::create(builder, a, b); }
  Value mul(Value a, Value b) { return mlir::arith::MulFOp::create(builder, a, b); }
  Value mul(Value a, double b) { return mul(a, constant(a.getType(), b)); }
  Value div(Value a, Value b) { return mlir::arith::DivFOp::create(builder, a, b); }
  Value fma(Value a, Value b, Value c) { return mlir::math::FmaOp::create(builder, a, b, c); }
  Value fma(Value a, double b, Value c) { return fma(a, constant(a.getType(), b), c); }
  Value absolute(Value a) { return mlir::math::AbsFOp::create(builder, a); }
  Value floor(Value a) { return mlir::math::FloorOp::create(builder, a); }
  Value withSign(Value magnitude, Value sign) { return mlir::math::CopySignOp::create(builder, magnitude, sign); }
  Value extend(Value a) { return mlir::arith::ExtFOp::create(builder, f64(), a); }
  Value truncate(Value a) { return mlir::arith::TruncFOp::create(builder, f32(), a); }
  Value toFloat(Type type, Value integer) { return mlir::arith::SIToFPOp::create(builder, type, integer); }
  /// The coefficients from the highest power down.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients) {
    Value sum = constant(x.getType(), coefficients.front());
    for (double coefficient : coefficients.drop_front())
      sum = fma(sum, x, constant(x.getType(), coefficient));
    return sum;
  }
  /// The smaller of both; NaN stays NaN.
  Value atMost(Value x, double high) {
    Value most = constant(x.getType(), high);
    return select(less(most, x), most, x);
  }
  /// `x` within [low, high]; NaN stays NaN.
  Value clamp(Value x, double low, double high) {
    Value least = constant(x.getType(), low);
    x = atMost(x, high);
    return select(less(x, least), least, x);
  }

  //===------------------------------------------------------------------===//
  // Conditions
  //===------------------------------------------------------------------===//

  Value compare(mlir::arith::CmpFPredicate predicate, Value a, Value b) {
    return mlir::arith::CmpFOp::create(builder, predicate, a, b);
  }
  /// False where one of them is NaN.
  Value less(Value a, Value b) { return compare(mlir::arith::CmpFPredicate::OLT, a, b); }
  Value equal(Value a, Value b) { return compare(mlir::arith::CmpFPredicate::OEQ, a, b); }
  Value equal(Value a, double b) { return equal(a, constant(a.getType(), b)); }
  Value equalInteger(Value a, int64_t b) {
    return mlir::arith::CmpIOp::create(builder, mlir::arith::CmpIPredicate::eq, a, integer(a.getType(), b));
  }
  Value both(Value a, Value b) { return mlir::arith::AndIOp::create(builder, a, b); }
  Value either(Value a, Value b) { return mlir::arith::OrIOp::create(builder, a, b); }
  Value negate(Value condition) {
    return mlir::arith::XOrIOp::create(builder, condition, integer(condition.getType(), 1));
  }
  Value select(Value condition, Value x, Value y) { return mlir::arith::SelectOp::create(builder, condition, x, y); }

  //===------------------------------------------------------------------===//
  // Integers and bits
  //===------------------------------------------------------------------===//

  Value integer(Type type, int64_t value) {
    return splat(type, builder.getIntegerAttr(mlir::getElementTypeOrSelf(type), value));
  }
  Value integer(int32_t value) { return integer(i32(), value); }
  Value addInteger(Value a, Value b) { return mlir::arith::AddIOp::create(builder, a, b); }
  Value subInteger(Value a, Value b) { return mlir::arith::SubIOp::create(builder, a, b); }
  Value mulInteger(Value a, Value b) { return mlir::arith::MulIOp::create(builder, a, b); }
  Value shiftLeft(Value a, int64_t bits) { return shiftLeft(a, integer(a.getType(), bits)); }
  Value shiftLeft(Value a, Value bits) { return mlir::arith::ShLIOp::create(builder, a, bits); }
  /// Copies of the sign come in.
  Value shiftRight(Value a, int64_t bits) {
    return mlir::arith::ShRSIOp::create(builder, a, integer(a.getType(), bits));
  }
  /// Zeros come in.
  Value shiftRightLogical(Value a, int64_t bits) { return shiftRightLogical(a, integer(a.getType(), bits)); }
  Value shiftRightLogical(Value a, Value bits) { return mlir::arith::ShRUIOp::create(builder, a, bits); }
  Value bitAnd(Value a, int64_t mask) { return mlir::arith::AndIOp::create(builder, a, integer(a.getType(), mask)); }
  Value bitOr(Value a, Value b) { return mlir::arith::OrIOp::create(builder, a, b); }
  Value bitXor(Value a, Value b) { return mlir::arith::XOrIOp::create(builder, a, b); }
  Value toWide(Value a) { return mlir::arith::ExtUIOp::create(builder, i64(), a); }
  Value toNarrow(Value a) { return mlir::arith::TruncIOp::create(builder, i32(), a); }
  /// The bits of an f32 as an i32 and of an f64 as an i64, and back.
  Value asInteger(Value a) {
    bool isWide = mlir::getElementTypeOrSelf(a.getType()).isF64();
    return mlir::arith::BitcastOp::create(builder, isWide ? i64() : i32(), a);
  }
  Value asFloat(Value a) {
    bool isWide = mlir::getElementTypeOrSelf(a.getType()).isInteger(64);
    return mlir::arith::BitcastOp::create(builder, isWide ? f64() : f32(), a);
  }
  /// 2^k by its bits, for an i32 k in -126 … 127.
  Value powerOfTwo(Value k) { return asFloat(shiftLeft(addInteger(k, integer(127)), 23)); }

  /// Whether one instruction multiplies by a power of two.
  bool canScale() const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(shape);
    return isWide && vector && vector.getRank() == 1 && vector.getNumElements() == 16;
  }
  /// x 2^k for an integral f32 k, rounded once, where `kept`; otherwise 0.
  Value scale(Value x, Value k, Value kept) {
    Value mask = mlir::vector::BitCastOp::create(builder, mlir::VectorType::get(1, builder.getI16Type()), kept);
    return scaleWhere(x, k, mlir::vector::ExtractOp::create(builder, mask, 0));
  }
  /// x 2^k for an integral f32 k, rounded once.
  Value scale(Value x, Value k) { return scaleWhere(x, k, allLanes()); }

  mlir::ImplicitLocOpBuilder builder;

private:
  Value splat(Type type, mlir::TypedAttr value) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(type))
      value = mlir::DenseElementsAttr::get(vector, llvm::ArrayRef<mlir::Attribute>(value));
    return mlir::arith::ConstantOp::create(builder, value);
  }

  Value allLanes() { return mlir::LLVM::ConstantOp::create(builder, builder.getI16IntegerAttr(-1)); }
  Value scaleWhere(Value x, Value k, Value mask) {
    Value rounding = mlir::LLVM::ConstantOp::create(builder, builder.getI32IntegerAttr(kCurrentRounding));
    auto name = builder.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512");
    return mlir::LLVM::CallIntrinsicOp::create(builder, f32(), name,
                                               mlir::ValueRange{x, k, constant(0), mask, rounding})
        .getResult(0);
  }

  static constexpr int32_t kCurrentRounding = 4;

  Type shape;
  bool isWide;
};

/// An integer as a float, and as an i32.
struct Rounded {
  mlir::Value number, bits;
};

/// a * b rounded to an integer below 2^22: 1.5 * 2^23 is added, which leaves it in the lowest bits.
Rounded roundProduct(MathWriter &w, mlir::Value a, double b);

/// Formulas of f32 functions. Each gives C's results for zeros, infinities and NaN, and keeps denormals.
mlir::Value writeSine(MathWriter &w, mlir::Value x);
mlir::Value writeCosine(MathWriter &w, mlir::Value x);
mlir::Value writePower(MathWriter &w, mlir::Value x, mlir::Value y);

} // namespace moru

#endif // MORU_LIB_CONVERSION_LOOPSTOLLVM_MATHWRITER_H
