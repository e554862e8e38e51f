//===- ApproximateMath.cpp - polynomials in place of functions of libm ----===//
// Formulas for f32, in numbers and in vectors. The coefficients are minimax ones for the relative error of the result,
// found by reweighted least squares, rounded to f32 one after the other. How far each function is from the exact
// result, over all 2^32 numbers, is stated in Reference/Tolerances.h and tested.
//===----------------------------------------------------------------------===//

#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"

#include "MathWriter.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"

using namespace mlir;

namespace moru {

Rounded roundProduct(MathWriter &w, Value a, double b) {
  Value magic = w.constant(12582912);
  Value shifted = w.fma(a, b, magic);
  return {w.sub(shifted, magic), w.subInteger(w.asInteger(shifted), w.asInteger(magic))};
}

namespace {

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// ln 2 in two parts, the first with 12 trailing zeros, so that its product with an exponent is exact.
constexpr double kLn2High = 0.693115234375, kLn2Low = 3.1946184945309415e-05;

/// Below it e^x is less than half of the least denormal number.
constexpr double kZeroExponential = -104;

/// e^r for |r| <= ln 2 / 2, within 2^-28: 1 + r + r^2 p(r).
Value exponentialNearZero(MathWriter &w, Value r) {
  Value p = w.polynomial(
      r, {0.0013820743188261986, 0.008368675597012043, 0.04166826605796814, 0.1666652113199234, 0.49999994039535522});
  return w.add(w.constant(1), w.fma(w.mul(r, r), p, r));
}

/// e^x = 2^k e^r with k = round(x / ln 2) and r = x - k ln 2.
struct SplitExponential {
  Rounded k;
  Value factor;
};
SplitExponential splitExponential(MathWriter &w, Value x) {
  Rounded k = roundProduct(w, x, 1.4426950408889634);
  Value r = w.fma(k.number, -kLn2Low, w.fma(k.number, -kLn2High, x));
  return {k, exponentialNearZero(w, r)};
}

/// e^x where it is a normal number.
Value normalExponential(MathWriter &w, Value x) {
  SplitExponential e = splitExponential(w, x);
  return w.canScale() ? w.scale(e.factor, e.k.number) : w.mul(e.factor, w.powerOfTwo(e.k.bits));
}

/// -|y|
bool isNeverPositive(Value x) {
  auto negation = x.getDefiningOp<arith::NegFOp>();
  return negation && negation.getOperand().getDefiningOp<math::AbsFOp>();
}

Value writeExponential(MathWriter &w, Value x) {
  // Beyond these the result is 0 or infinity anyway.
  constexpr double kInfiniteExponential = 89;
  // A product that becomes too small takes the processor a hundred times as long (masked entries of a softmax are all
  // like that): those are not multiplied, and whatever their factor would be is not used.
  if (w.canScale()) {
    Value bounded = isNeverPositive(x) ? x : w.atMost(x, kInfiniteExponential);
    SplitExponential e = splitExponential(w, bounded);
    return w.scale(e.factor, e.k.number, w.negate(w.less(x, w.constant(kZeroExponential))));
  }
  SplitExponential e = splitExponential(w, w.clamp(x, kZeroExponential, kInfiniteExponential));
  // Two factors, as the result may be denormal or infinite. Where it is zero, so is the second one.
  Value half = w.shiftRight(e.k.bits, 1), rest = w.powerOfTwo(w.subInteger(e.k.bits, half));
  rest = w.select(w.less(x, w.constant(kZeroExponential)), w.constant(0), rest);
  return w.mul(w.mul(e.factor, w.powerOfTwo(half)), rest);
}

/// |x| < 0.95: x + x^3 p(x^2); beyond: 1 - 2 / (e^2|x| + 1), which is 1 in f32 from 9.02 on.
Value writeTanh(MathWriter &w, Value x) {
  Value a = w.absolute(x), square = w.mul(a, a);
  Value p =
      w.polynomial(square, {-0.00040579526103101671, 0.0024464996531605721, -0.0081194229423999786,
                            0.021588042378425598, -0.053909651935100555, 0.13332746922969818, -0.33333313465118408});
  Value near = w.fma(w.mul(a, square), p, a);
  Value bounded = w.clamp(a, 0, 10), e = normalExponential(w, w.add(bounded, bounded));
  Value far = w.sub(w.constant(1), w.div(w.constant(2), w.add(e, w.constant(1))));
  return w.withSign(w.select(w.less(a, w.constant(0.95)), near, far), x);
}

/// |x| < 1: x + x p(x^2); beyond: 1 - e^q(|x|) with q = log erfc, which is 1 in f32 from 3.92 on.
Value writeErf(MathWriter &w, Value x) {
  Value a = w.absolute(x);
  Value p = w.polynomial(w.mul(a, a),
                         {7.8069031587801874e-05, -0.00079978530993685126, 0.0051871621981263161, -0.026853347197175026,
                          0.11283578723669052, -0.37612625956535339, 0.12837916612625122});
  Value near = w.fma(a, p, a);
  Value q = w.polynomial(w.clamp(a, 0, 3.93),
                         {-2.1688196284230798e-05, 0.00044135298230685294, -0.0042046424932777882, 0.025208454579114914,
                          -0.10841883718967438, -0.63321971893310547, -1.1295784711837769, 0.00018804035789798945});
  Value far = w.sub(w.constant(1), normalExponential(w, q));
  return w.withSign(w.select(w.less(a, w.constant(1)), near, far), x);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// A positive normal x = 2^k m with m in [sqrt(1/2), sqrt(2)), by its bits; k is an i32.
struct Scaled {
  Value k, m;
};
Scaled scale(MathWriter &w, Value x) {
  Value bits = w.asInteger(x);
  Value k = w.shiftRight(w.subInteger(bits, w.integer(0x3f3504f3)), 23);
  return {k, w.asFloat(w.subInteger(bits, w.shiftLeft(k, 23)))};
}

/// log(1 + f) + k ln 2 + rest for 1 + f in [sqrt(1/2), sqrt(2)) and a small rest: f - f^2 / 2 + f^3 p(f), the smallest
/// terms first.
Value logarithmOf(MathWriter &w, Value f, Value k, Value rest) {
  Value p = w.polynomial(f, {-0.076369404792785645, 0.12762485444545746, -0.13159550726413727, 0.14201539754867554,
                             -0.16623410582542419, 0.20001243054866791, -0.25000819563865662, 0.33333331346511841});
  Value square = w.mul(f, f);
  Value sum = w.fma(w.mul(f, square), p, w.fma(k, kLn2Low, rest));
  sum = w.add(f, w.fma(square, -0.5, sum));
  return w.fma(k, kLn2High, sum);
}

/// `y` where x > pole; minus infinity at the pole, infinity at infinity, otherwise NaN.
Value withinDomain(MathWriter &w, Value x, double pole, Value y) {
  Value infinity = w.infinity(w.f32()), minusInfinity = w.constant(-std::numeric_limits<double>::infinity());
  Value outside = w.select(w.equal(x, pole), minusInfinity, w.nan(w.f32()));
  return w.select(w.less(w.constant(pole), x), w.select(w.less(x, infinity), y, x), outside);
}

Value writeLogarithm(MathWriter &w, Value x) {
  Value isDenormal = w.less(x, w.constant(0x1p-126));
  Scaled s = scale(w, w.select(isDenormal, w.mul(x, 0x1p24), x));
  Value k = w.toFloat(w.f32(), w.subInteger(s.k, w.select(isDenormal, w.integer(24), w.integer(0))));
  Value y = logarithmOf(w, w.sub(s.m, w.constant(1)), k, w.constant(0));
  return withinDomain(w, x, 0, y);
}

/// log(u) + (1 + x - u) / u with u = fl(1 + x); where u is not scaled, f = x itself.
Value writeLog1p(MathWriter &w, Value x) {
  Value one = w.constant(1), u = w.add(one, x);
  Scaled s = scale(w, u);
  // The larger of 1 and x is subtracted first, so that the difference is exact.
  Value lost = w.select(w.less(one, x), w.sub(one, w.sub(u, x)), w.sub(x, w.sub(u, one)));
  Value isScaled = w.negate(w.equalInteger(s.k, 0));
  Value f = w.select(isScaled, w.sub(s.m, one), x);
  // 1 / m = 1 - f + f^2 - … is good enough for what is below a unit in the last place.
  Value inverse = w.fma(f, w.sub(f, one), one);
  // Beyond 2^125 nothing is lost that counts, and 2^-k would not be normal.
  Value isSmall = w.less(u, w.constant(0x1p100));
  Value factor = w.powerOfTwo(w.subInteger(w.integer(0), w.select(isSmall, s.k, w.integer(0))));
  Value rest = w.mul(w.mul(w.select(w.both(isScaled, isSmall), lost, w.constant(0)), factor), inverse);
  Value y = logarithmOf(w, f, w.toFloat(w.f32(), s.k), rest);
  return w.select(w.equal(x, 0), x, withinDomain(w, x, -1, y));
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// y = f(x) -> the formula of f.
template <typename Op, Value (*formula)(MathWriter &, Value)> struct Expand : OpRewritePattern<Op> {
  Expand(MLIRContext *context, int64_t vectorBits) : OpRewritePattern<Op>(context), vectorBits(vectorBits) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "expected f32");
    MathWriter w(rewriter, op, vectorBits);
    rewriter.replaceOp(op, formula(w, op.getOperand()));
    return success();
  }

  int64_t vectorBits;
};

/// z = x^y -> the formula.
struct ExpandPower : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "expected f32");
    MathWriter w(rewriter, op);
    rewriter.replaceOp(op, writePower(w, op.getLhs(), op.getRhs()));
    return success();
  }
};

} // namespace

void populateApproximateMathPatterns(RewritePatternSet &patterns, int64_t vectorBits) {
  patterns.add<Expand<math::ExpOp, writeExponential>, Expand<math::TanhOp, writeTanh>, Expand<math::ErfOp, writeErf>,
               Expand<math::LogOp, writeLogarithm>, Expand<math::Log1pOp, writeLog1p>, Expand<math::SinOp, writeSine>,
               Expand<math::CosOp, writeCosine>>(patterns.getContext(), vectorBits);
  patterns.add<ExpandPower>(patterns.getContext());
}

} // namespace moru
