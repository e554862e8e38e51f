// Polynomials in place of functions of libm. Upstream has most of them; here are an exponential and logarithms that
// keep denormals.

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace moru {
namespace {

/// Writes arithmetic on f32 and i32 in the shape (scalar or vector) of one value.
class Writer {
public:
  Writer(PatternRewriter &rewriter, Location location, Type type)
      : builder(location, rewriter), floats(type), integers(withElement(type)) {}

  Value constant(double value) { return splat(floats, builder.getF32FloatAttr(float(value))); }
  Value integer(int32_t value) { return splat(integers, builder.getI32IntegerAttr(value)); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(builder, a, b); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, a, b); }
  Value fma(Value a, Value b, Value c) { return math::FmaOp::create(builder, a, b, c); }
  Value addInteger(Value a, Value b) { return arith::AddIOp::create(builder, a, b); }
  Value subInteger(Value a, Value b) { return arith::SubIOp::create(builder, a, b); }
  Value shiftLeft(Value a, int32_t bits) { return arith::ShLIOp::create(builder, a, integer(bits)); }
  Value shiftRight(Value a, int32_t bits) { return arith::ShRSIOp::create(builder, a, integer(bits)); }
  Value asInteger(Value a) { return arith::BitcastOp::create(builder, integers, a); }
  Value asFloat(Value a) { return arith::BitcastOp::create(builder, floats, a); }
  /// `a < b ? x : y`; y where one of them is NaN.
  Value ifLess(Value a, Value b, Value x, Value y) {
    return arith::SelectOp::create(builder, arith::CmpFOp::create(builder, arith::CmpFPredicate::OLT, a, b), x, y);
  }
  Value bitAnd(Value a, int32_t mask) { return arith::AndIOp::create(builder, a, integer(mask)); }
  Value bitXor(Value a, Value b) { return arith::XOrIOp::create(builder, a, b); }
  /// `a == 0 ? x : y` of an integer.
  Value ifZero(Value a, Value x, Value y) {
    return arith::SelectOp::create(builder, arith::CmpIOp::create(builder, arith::CmpIPredicate::eq, a, integer(0)), x,
                                   y);
  }
  /// 2^k for k in -126 … 127, by its bits.
  Value powerOfTwo(Value k) { return asFloat(shiftLeft(addInteger(k, integer(127)), 23)); }

  ImplicitLocOpBuilder builder;

private:
  Type withElement(Type type) {
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(builder.getI32Type());
    return builder.getI32Type();
  }
  Value splat(Type type, TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(type))
      value = DenseElementsAttr::get(vector, ArrayRef<Attribute>(value));
    return arith::ConstantOp::create(builder, value);
  }
  Type floats, integers;
};

bool isF32(Type type) { return getElementTypeOrSelf(type).isF32(); }

/// (e^r - 1 - r) / r^2, interpolated at the Chebyshev nodes of |r| <= ln 2 / 2: e^r within 1.1e-8 of its value.
Value exponentialPolynomial(Writer &w, Value r) {
  Value p = w.constant(0.0013926184037700295);
  for (double coefficient : {0.008363178931176662, 0.041666556149721146, 0.16666576266288757, 0.5})
    p = w.fma(p, r, w.constant(coefficient));
  return p;
}

/// `x` within [low, high]; NaN stays NaN.
Value clamp(Writer &w, Value x, double low, double high) {
  Value least = w.constant(low), most = w.constant(high);
  x = w.ifLess(most, x, most, x);
  return w.ifLess(x, least, least, x);
}

/// An integer as a float, and its own bits.
struct Rounded {
  Value number, bits;
};

/// a * b rounded to an integer: 1.5 * 2^23 is added, which leaves it in the lowest bits.
Rounded roundProduct(Writer &w, Value a, double b) {
  Value magic = w.constant(12582912);
  Value shifted = w.fma(a, w.constant(b), magic);
  return {w.sub(shifted, magic), w.subInteger(w.asInteger(shifted), w.asInteger(magic))};
}

/// 2^k e^r = 2^k (1 + r + r^2 p(r)); k from -150 to 129, so in two factors, for results that are denormal or infinite.
Value scaledExponential(Writer &w, Value k, Value r) {
  Value y = w.add(w.constant(1), w.fma(w.mul(r, r), exponentialPolynomial(w, r), r));
  Value half = w.shiftRight(k, 1);
  return w.mul(w.mul(y, w.powerOfTwo(half)), w.powerOfTwo(w.subInteger(k, half)));
}

/// exp(x) = 2^k e^r with k = round(x / ln 2) and r = x - k ln 2. Within 1.1 ulp.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return rewriter.notifyMatchFailure(op, "expected f32");
    Writer w(rewriter, op.getLoc(), op.getType());
    // Beyond these the result is 0 or infinity anyway.
    Value x = clamp(w, op.getOperand(), -104, 89);
    Rounded k = roundProduct(w, x, 1.4426950408889634);
    // ln 2 in two parts, the first with 12 trailing zeros, so that its product with k is exact.
    Value r = w.fma(k.number, w.constant(-0.693115234375), x);
    r = w.fma(k.number, w.constant(-3.1946184945309415e-05), r);
    rewriter.replaceOp(op, scaledExponential(w, k.bits, r));
    return success();
  }
};

/// exp2(x) = 2^k e^r with k = round(x) and r = (x - k) ln 2. Within 1.1 ulp.
struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::Exp2Op op, PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return rewriter.notifyMatchFailure(op, "expected f32");
    Writer w(rewriter, op.getLoc(), op.getType());
    Value x = clamp(w, op.getOperand(), -151, 129);
    Rounded k = roundProduct(w, x, 1);
    Value r = w.mul(w.sub(x, k.number), w.constant(0.69314718055994531));
    rewriter.replaceOp(op, scaledExponential(w, k.bits, r));
    return success();
  }
};

/// sin r for |r| <= pi / 4, within 1.3e-8: interpolated at the Chebyshev nodes, as the cosine.
Value sinePolynomial(Writer &w, Value r, Value square) {
  Value p = w.fma(w.constant(-0.00019587387214414775), square, w.constant(0.008332746103405952));
  p = w.fma(p, square, w.constant(-0.166666641831398));
  return w.fma(w.mul(p, square), r, r);
}

/// cos r for |r| <= pi / 4, within 1e-9.
Value cosinePolynomial(Writer &w, Value square) {
  Value p = w.fma(w.constant(2.4547436623834074e-05), square, w.constant(-0.0013888300163671374));
  p = w.fma(p, square, w.constant(0.0416666641831398));
  p = w.fma(p, square, w.constant(-0.5));
  return w.fma(p, square, w.constant(1));
}

/// sin(x + quarters pi / 2) = (-1)^(q / 2) (q even ? sin r : cos r) with k = round(x / (pi / 2)), q = k + quarters and
/// r = x - k pi / 2. The error is below 2^-23 up to |x| = 10^5; it grows with |x|, as pi / 2 has three parts only.
template <typename Op, int32_t quarters> struct ExpandSine : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return rewriter.notifyMatchFailure(op, "expected f32");
    Writer w(rewriter, op.getLoc(), op.getType());
    Rounded k = roundProduct(w, op.getOperand(), 0.63661977236758134);
    Value r = op.getOperand();
    for (double part : {-1.5707963705062866, 4.371138828673793e-08, 1.7151245100058819e-15})
      r = w.fma(k.number, w.constant(part), r);
    Value square = w.mul(r, r), quarter = w.addInteger(k.bits, w.integer(quarters));
    Value y = w.ifZero(w.bitAnd(quarter, 1), sinePolynomial(w, r, square), cosinePolynomial(w, square));
    Value sign = w.shiftLeft(w.bitAnd(quarter, 2), 30);
    rewriter.replaceOp(op, w.asFloat(w.bitXor(w.asInteger(y), sign)));
    return success();
  }
};

/// Upstream's polynomials take a denormal for the smallest normal number. Here:
///   log(x)  ->  t = x < 2^-126;  log(t ? x * 2^24 : x) - (t ? log(2^24) : 0)
/// where the inner logarithm carries a mark, so that it is not expanded again.
template <typename Op> struct ScaleDenormals : OpRewritePattern<Op> {
  ScaleDenormals(MLIRContext *context, double correction)
      : OpRewritePattern<Op>(context, /*benefit=*/10), correction(correction) {}

  static constexpr StringLiteral kNormal = "moru.normal";

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()) || op->hasAttr(kNormal))
      return rewriter.notifyMatchFailure(op, "expected f32 that may be denormal");
    Writer w(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand(), smallest = w.constant(1.17549435e-38);
    Value scaled = w.ifLess(x, smallest, w.mul(x, w.constant(16777216)), x);
    auto inner = Op::create(w.builder, scaled);
    inner->setAttr(kNormal, rewriter.getUnitAttr());
    rewriter.replaceOp(op, w.sub(inner, w.ifLess(x, smallest, w.constant(correction), w.constant(0))));
    return success();
  }

  /// The logarithm of 2^24.
  double correction;
};

} // namespace

void populateApproximateMathPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ExpandExp, ExpandExp2, ExpandSine<math::SinOp, 0>, ExpandSine<math::CosOp, 1>>(context, /*benefit=*/10);
  patterns.add<ScaleDenormals<math::LogOp>>(context, 16.635532333438686);
  patterns.add<ScaleDenormals<math::Log2Op>>(context, 24.0);
  // Functions without a polynomial of their own, in terms of those that have one; and those for which x86 has no
  // instruction.
  math::populateExpansionPatterns(patterns,
                                  {"powf", "fpowi", "sinh", "cosh", "tan", "asinh", "acosh", "atanh", "round"});
  // f16 and bf16 are computed in f32.
  populateMathPolynomialApproximationPatterns(patterns);
}

} // namespace moru
