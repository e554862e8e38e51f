//===- Elementwise.cpp - elementwise operations on numbers and vectors ----===//
// One line per operation of the graph dialect, in terms of arith and math. `fastmath<contract>` everywhere but on
// products that are read twice: a product and a sum may become one instruction; nothing else may change.
//===----------------------------------------------------------------------===//

#include "PointEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace moru::graph;

namespace moru {
namespace {

/// A product that is read twice is one number: in x - max x, an x with more digits than its maximum could be larger.
bool mayBeFused(Operation *op) {
  return !isa<MulOp>(op) || (op->hasOneUse() && !op->hasAttr(kernel::KernelDialect::kRoundedAttr));
}

class Elementwise {
public:
  Elementwise(ImplicitLocOpBuilder &builder, Operation *op, ValueRange operands)
      : builder(builder), op(op), x(operands[0]), y(operands.size() > 1 ? operands[1] : Value()),
        z(operands.size() > 2 ? operands[2] : Value()), type(x.getType()),
        isFloat(isa<FloatType>(getElementTypeOrSelf(x.getType()))),
        contract(arith::FastMathFlagsAttr::get(builder.getContext(), mayBeFused(op) ? arith::FastMathFlags::contract
                                                                                    : arith::FastMathFlags::none)) {}

  Value emit();

private:
  Value constant(Type type, double value) {
    Type element = getElementTypeOrSelf(type);
    TypedAttr number = isa<FloatType>(element)
                           ? TypedAttr(FloatAttr::get(element, value))
                           : TypedAttr(IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(),
                                                                       static_cast<int64_t>(value), /*isSigned=*/true,
                                                                       /*implicitTrunc=*/true)));
    return splat(type, number);
  }
  Value splat(Type type, TypedAttr number) {
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(builder, DenseElementsAttr::get(vector, Attribute(number)));
    return arith::ConstantOp::create(builder, number);
  }
  Type withElement(Type element) {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
  }

  template <typename OpTy> Value unary(Value operand) { return OpTy::create(builder, operand, contract); }
  template <typename FloatOp, typename IntOp> Value binary() {
    if (isFloat)
      return FloatOp::create(builder, x, y, contract);
    return IntOp::create(builder, x, y);
  }
  Value integerDivision();
  Value sigmoid();
  Value compare(Direction direction);
  Value convert(Type to);
  Value floatToInteger(Type from, Type to);

  ImplicitLocOpBuilder &builder;
  Operation *op;
  Value x, y, z;
  Type type;
  bool isFloat;
  arith::FastMathFlagsAttr contract;
};

/// Rounded toward zero; x / 0 = 0, and the least number divided by -1 is itself.
Value Elementwise::integerDivision() {
  auto bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  Value zero = constant(type, 0), one = constant(type, 1), minusOne = constant(type, -1);
  Value least = splat(type, IntegerAttr::get(getElementTypeOrSelf(type), APInt::getSignedMinValue(bits)));
  auto equal = [&](Value a, Value b) { return arith::CmpIOp::create(builder, arith::CmpIPredicate::eq, a, b); };
  Value byZero = equal(y, zero);
  Value overflows = arith::AndIOp::create(builder, equal(y, minusOne), equal(x, least));
  Value divisor = arith::SelectOp::create(builder, arith::OrIOp::create(builder, byZero, overflows), one, y);
  return arith::SelectOp::create(builder, byZero, zero, arith::DivSIOp::create(builder, x, divisor));
}

/// (x < 0 ? e^-|x| : 1) / (1 + e^-|x|): nothing overflows, nothing is subtracted, and what is denormal stays so.
Value Elementwise::sigmoid() {
  Value one = constant(type, 1);
  Value e = unary<math::ExpOp>(arith::NegFOp::create(builder, unary<math::AbsFOp>(x), contract));
  Value isNegative = arith::CmpFOp::create(builder, arith::CmpFPredicate::OLT, x, constant(type, 0));
  Value share = arith::SelectOp::create(builder, isNegative, e, one);
  return arith::DivFOp::create(builder, share, arith::AddFOp::create(builder, one, e, contract), contract);
}

Value Elementwise::compare(Direction direction) {
  // Unordered for `ne` alone: NaN differs from everything.
  static constexpr arith::CmpFPredicate kFloats[] = {arith::CmpFPredicate::OEQ, arith::CmpFPredicate::UNE,
                                                     arith::CmpFPredicate::OLT, arith::CmpFPredicate::OLE,
                                                     arith::CmpFPredicate::OGT, arith::CmpFPredicate::OGE};
  static constexpr arith::CmpIPredicate kIntegers[] = {arith::CmpIPredicate::eq,  arith::CmpIPredicate::ne,
                                                       arith::CmpIPredicate::slt, arith::CmpIPredicate::sle,
                                                       arith::CmpIPredicate::sgt, arith::CmpIPredicate::sge};
  auto which = static_cast<size_t>(direction);
  if (isFloat)
    return arith::CmpFOp::create(builder, kFloats[which], x, y);
  return arith::CmpIOp::create(builder, kIntegers[which], x, y);
}

/// Toward zero, saturating, 0 for NaN.
Value Elementwise::floatToInteger(Type from, Type to) {
  unsigned bits = getElementTypeOrSelf(to).getIntOrFloatBitWidth();
  Value low = constant(from, -std::ldexp(1.0, bits - 1)), high = constant(from, std::ldexp(1.0, bits - 1));
  Value above = arith::CmpFOp::create(builder, arith::CmpFPredicate::OGE, x, high);
  Value below = arith::CmpFOp::create(builder, arith::CmpFPredicate::OLT, x, low);
  Value isNan = arith::CmpFOp::create(builder, arith::CmpFPredicate::UNO, x, x);
  Value outside = arith::OrIOp::create(builder, isNan, arith::OrIOp::create(builder, above, below));
  Value inside = arith::SelectOp::create(builder, outside, constant(from, 0), x);
  Value value = arith::FPToSIOp::create(builder, to, inside);
  auto limit = [&](APInt number) { return splat(to, IntegerAttr::get(getElementTypeOrSelf(to), number)); };
  value = arith::SelectOp::create(builder, above, limit(APInt::getSignedMaxValue(bits)), value);
  return arith::SelectOp::create(builder, below, limit(APInt::getSignedMinValue(bits)), value);
}

Value Elementwise::convert(Type toElement) {
  Type fromElement = getElementTypeOrSelf(type);
  bool toBF16 = toElement.isBF16();
  Type computed = toBF16 ? builder.getF32Type() : toElement;
  Type to = withElement(computed);
  Value value = x;
  if (toElement.isInteger(1)) {
    if (fromElement.isInteger(1))
      return x;
    y = constant(type, 0);
    return compare(Direction::Ne);
  }
  if (isFloat && isa<FloatType>(computed)) {
    unsigned from = fromElement.getIntOrFloatBitWidth(), wide = computed.getIntOrFloatBitWidth();
    if (from < wide)
      value = arith::ExtFOp::create(builder, to, value);
    else if (from > wide)
      value = arith::TruncFOp::create(builder, to, value);
  } else if (isFloat)
    return floatToInteger(type, to);
  else if (isa<FloatType>(computed))
    value = fromElement.isInteger(1) ? Value(arith::UIToFPOp::create(builder, to, value))
                                     : Value(arith::SIToFPOp::create(builder, to, value));
  else if (fromElement.isInteger(1))
    value = arith::ExtUIOp::create(builder, to, value);
  else if (fromElement.getIntOrFloatBitWidth() < computed.getIntOrFloatBitWidth())
    value = arith::ExtSIOp::create(builder, to, value);
  else if (fromElement.getIntOrFloatBitWidth() > computed.getIntOrFloatBitWidth())
    value = arith::TruncIOp::create(builder, to, value);
  if (toBF16) {
    value = extendBF16(builder, roundToBF16(builder, value));
  }
  return value;
}

Value Elementwise::emit() {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](NegOp) -> Value {
        if (isFloat)
          return arith::NegFOp::create(builder, x, contract);
        return arith::SubIOp::create(builder, constant(type, 0), x);
      })
      .Case([&](AbsOp) -> Value {
        if (isFloat)
          return unary<math::AbsFOp>(x);
        return math::AbsIOp::create(builder, x);
      })
      .Case([&](ExpOp) { return unary<math::ExpOp>(x); })
      .Case([&](LogOp) { return unary<math::LogOp>(x); })
      .Case([&](Log1pOp) { return unary<math::Log1pOp>(x); })
      .Case([&](ErfOp) { return unary<math::ErfOp>(x); })
      .Case([&](TanhOp) { return unary<math::TanhOp>(x); })
      .Case([&](SigmoidOp) { return sigmoid(); })
      .Case([&](SqrtOp) { return unary<math::SqrtOp>(x); })
      .Case([&](RsqrtOp) -> Value {
        return arith::DivFOp::create(builder, constant(type, 1), unary<math::SqrtOp>(x), contract);
      })
      .Case([&](SinOp) { return unary<math::SinOp>(x); })
      .Case([&](CosOp) { return unary<math::CosOp>(x); })
      .Case<StopGradientOp, BarrierOp>([&](auto) { return x; })
      .Case([&](AddOp) { return binary<arith::AddFOp, arith::AddIOp>(); })
      .Case([&](SubOp) { return binary<arith::SubFOp, arith::SubIOp>(); })
      .Case([&](MulOp) { return binary<arith::MulFOp, arith::MulIOp>(); })
      .Case([&](DivOp) -> Value {
        if (isFloat)
          return arith::DivFOp::create(builder, x, y, contract);
        return integerDivision();
      })
      .Case([&](MaximumOp) { return binary<arith::MaximumFOp, arith::MaxSIOp>(); })
      .Case([&](MinimumOp) { return binary<arith::MinimumFOp, arith::MinSIOp>(); })
      .Case([&](PowOp) -> Value { return math::PowFOp::create(builder, x, y, contract); })
      .Case([&](AndOp) -> Value { return arith::AndIOp::create(builder, x, y); })
      .Case([&](OrOp) -> Value { return arith::OrIOp::create(builder, x, y); })
      .Case([&](NotOp) -> Value { return arith::XOrIOp::create(builder, x, constant(type, 1)); })
      .Case([&](CompareOp op) { return compare(op.getDirection()); })
      .Case([&](SelectOp) -> Value { return arith::SelectOp::create(builder, x, y, z); })
      .Case([&](ConvertOp op) { return convert(getElementTypeOrSelf(op.getType())); })
      .Default([](Operation *) { return Value(); });
}

} // namespace

Value extendBF16(ImplicitLocOpBuilder &builder, Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  auto shaped = [&](Type element) -> Type { return vector ? VectorType::get(vector.getShape(), element) : element; };
  Value low = arith::BitcastOp::create(builder, shaped(builder.getI16Type()), value);
  Value bits = arith::ExtUIOp::create(builder, shaped(builder.getI32Type()), low);
  TypedAttr sixteen = builder.getI32IntegerAttr(16);
  if (vector)
    sixteen = DenseElementsAttr::get(cast<VectorType>(bits.getType()), Attribute(sixteen));
  Value shifted = arith::ShLIOp::create(builder, bits, arith::ConstantOp::create(builder, sixteen));
  return arith::BitcastOp::create(builder, shaped(builder.getF32Type()), shifted);
}

Value roundToBF16(ImplicitLocOpBuilder &builder, Value value) {
  // LLVM would call a function of compiler-rt. Half of a unit, less the least bit unless the result would be odd, is
  // added to the bits.
  auto vector = dyn_cast<VectorType>(value.getType());
  auto shaped = [&](Type element) -> Type { return vector ? VectorType::get(vector.getShape(), element) : element; };
  Type wide = shaped(builder.getI32Type()), narrow = shaped(builder.getI16Type());
  auto number = [&](int32_t bits) -> Value {
    auto attribute = builder.getI32IntegerAttr(bits);
    if (vector)
      return arith::ConstantOp::create(builder, DenseElementsAttr::get(cast<VectorType>(wide), Attribute(attribute)));
    return arith::ConstantOp::create(builder, attribute);
  };
  Value bits = arith::BitcastOp::create(builder, wide, value);
  Value high = arith::ShRUIOp::create(builder, bits, number(16));
  Value odd = arith::AndIOp::create(builder, high, number(1));
  Value rounded = arith::AddIOp::create(builder, bits, arith::AddIOp::create(builder, odd, number(0x7fff)));
  rounded = arith::ShRUIOp::create(builder, rounded, number(16));
  // A NaN stays one: its highest bit of the fraction is set.
  Value isNan = arith::CmpFOp::create(builder, arith::CmpFPredicate::UNO, value, value);
  rounded = arith::SelectOp::create(builder, isNan, arith::OrIOp::create(builder, high, number(0x40)), rounded);
  return arith::BitcastOp::create(builder, shaped(builder.getBF16Type()),
                                  arith::TruncIOp::create(builder, narrow, rounded));
}

bool isTranscendental(Operation *op) {
  return isa<ExpOp, LogOp, Log1pOp, ErfOp, TanhOp, SigmoidOp, SinOp, CosOp, PowOp, RandomOp>(op);
}

bool isElementwise(Operation *op) { return op->hasTrait<OpTrait::Elementwise>() || isa<StopGradientOp, BarrierOp>(op); }

Value emitElementwise(ImplicitLocOpBuilder &builder, Operation *op, ValueRange operands) {
  return Elementwise(builder, op, operands).emit();
}

} // namespace moru
