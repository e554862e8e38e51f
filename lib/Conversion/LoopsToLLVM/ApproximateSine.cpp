//===- ApproximateSine.cpp - sine and cosine of f32 -----------------------===//
// x = k pi / 2 + r with |r| <= pi / 4; then a polynomial in r by the lowest bits of k. Up to 2^16, k pi / 2 is
// subtracted in three parts; beyond, where that would leave no correct digit, x is multiplied by the 96 bits of 2 / pi
// that decide about the remainder (Payne and Hanek).
//===----------------------------------------------------------------------===//

#include "MathWriter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace moru {
namespace {

/// The multiple of pi / 2 (its lowest bits, an i32) and what is left.
struct Reduced {
  Value quarter, rest;
};

/// For |x| up to 2^16. The first subtraction is exact: both terms are multiples of 2^-24, and the difference is
/// below 1.
Reduced reduceSmall(MathWriter &w, Value x) {
  Rounded k = roundProduct(w, x, 0.63661977236758134);
  Value r = x;
  for (double part : {-1.5707963705062866, 4.371138828673793e-08, 1.7151245100058819e-15})
    r = w.fma(k.number, part, r);
  return {k.bits, r};
}

/// 2 / pi = 0.101000…, 32 bits per word, behind a word of zeros.
constexpr uint32_t kTwoOverPi[] = {0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                   0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};

/// The words number `index`, … `index` + 3 of 2 / pi, `index` in 0 … 4.
SmallVector<Value> selectWords(MathWriter &w, Value index) {
  SmallVector<Value> words;
  for (int32_t j = 0; j < 4; ++j) {
    Value word = w.integer(static_cast<int32_t>(kTwoOverPi[j]));
    for (int32_t i = 1; i <= 4; ++i)
      word = w.select(w.equalInteger(index, i), w.integer(static_cast<int32_t>(kTwoOverPi[i + j])), word);
    words.push_back(word);
  }
  return words;
}

/// For a finite |x| >= 2^16: x = m 2^e with a 24-bit m, and m (2^e 2 / pi mod 4) in fixed point, two bits before the
/// point. NaN for what is not finite.
Reduced reduceLarge(MathWriter &w, Value x) {
  Value bits = w.asInteger(x);
  Value m = w.addInteger(w.bitAnd(bits, 0x7fffff), w.integer(0x800000));
  Value e = w.subInteger(w.bitAnd(w.shiftRight(bits, 23), 0xff), w.integer(150));
  // Bits with a weight of 4 and more of 2^e 2 / pi are e - 2; the word of zeros comes before them.
  Value first = w.addInteger(e, w.integer(30));
  SmallVector<Value> words = selectWords(w, w.shiftRight(first, 5));
  Value shift = w.bitAnd(first, 31), back = w.subInteger(w.integer(31), shift);
  auto part = [&](int j) {
    Value low = w.shiftRightLogical(w.shiftRightLogical(words[j + 1], 1), back);
    return w.toWide(w.bitOr(w.shiftLeft(words[j], shift), low));
  };
  Value wide = w.toWide(m);
  Value low = w.mulInteger(wide, part(2));
  Value middle = w.addInteger(w.mulInteger(wide, part(1)), w.shiftRightLogical(low, 32));
  Value high = w.addInteger(w.mulInteger(wide, part(0)), w.shiftRightLogical(middle, 32));
  Value product = w.bitOr(w.shiftLeft(high, 32), w.bitAnd(middle, 0xffffffff));

  // To the nearest quarter; what is left, as a signed fraction of one, in two halves.
  Value quarter = w.addInteger(w.shiftRightLogical(product, 62), w.bitAnd(w.shiftRightLogical(product, 61), 1));
  Value rest = w.shiftLeft(product, 2);
  Value upper = w.toFloat(w.f64(), w.toNarrow(w.shiftRight(rest, 32)));
  Value lower = w.toFloat(w.f64(), w.toNarrow(w.shiftRightLogical(w.bitAnd(rest, 0xffffffff), 1)));
  Value fraction = w.fma(lower, 0x1p-31, upper);
  Value r = w.truncate(w.mul(fraction, 0x1p-32 * 1.5707963267948966));

  Value isNegative = w.less(x, w.constant(0)), number = w.toNarrow(quarter);
  number = w.select(isNegative, w.subInteger(w.integer(0), number), number);
  r = w.select(isNegative, w.sub(w.constant(0), r), r);
  return {number, w.select(w.less(w.absolute(x), w.infinity(w.f32())), r, w.nan(w.f32()))};
}

Reduced reduce(MathWriter &w, Value x) {
  Reduced small = reduceSmall(w, x);
  Value isLarge = w.less(w.constant(0x1p16), w.absolute(x)), any = isLarge;
  if (isa<VectorType>(isLarge.getType()))
    any = vector::ReductionOp::create(w.builder, vector::CombiningKind::OR, isLarge);
  auto branch = scf::IfOp::create(w.builder, TypeRange{w.i32(), w.f32()}, any, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(w.builder);
  w.builder.setInsertionPointToEnd(branch.thenBlock());
  Reduced large = reduceLarge(w, x);
  scf::YieldOp::create(w.builder, ValueRange{w.select(isLarge, large.quarter, small.quarter),
                                             w.select(isLarge, large.rest, small.rest)});
  w.builder.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(w.builder, ValueRange{small.quarter, small.rest});
  return {branch.getResult(0), branch.getResult(1)};
}

/// sin r for |r| <= pi / 4, within 2^-27.9.
Value sinePolynomial(MathWriter &w, Value r, Value square) {
  Value p = w.polynomial(square, {-0.00019518288900144398, 0.0083321891725063324, -0.16666655242443085});
  return w.fma(w.mul(r, square), p, r);
}

/// cos r for |r| <= pi / 4, within 2^-33.
Value cosinePolynomial(MathWriter &w, Value square) {
  return w.polynomial(square, {2.4432563805021346e-05, -0.0013887310633435845, 0.041666645556688309, -0.5, 1});
}

/// sin(x + quarters pi / 2) = (-1)^(q / 2) (q even ? sin r : cos r) with q = k + quarters.
Value writeShiftedSine(MathWriter &w, Value x, int32_t quarters) {
  Reduced reduced = reduce(w, x);
  Value r = reduced.rest, square = w.mul(r, r), quarter = w.addInteger(reduced.quarter, w.integer(quarters));
  Value isEven = w.equalInteger(w.bitAnd(quarter, 1), 0);
  Value y = w.select(isEven, sinePolynomial(w, r, square), cosinePolynomial(w, square));
  Value sign = w.shiftLeft(w.bitAnd(quarter, 2), 30);
  return w.asFloat(w.bitXor(w.asInteger(y), sign));
}

} // namespace

Value writeSine(MathWriter &w, Value x) {
  // The remainder of -0 is 0.
  return w.select(w.equal(x, 0), x, writeShiftedSine(w, x, 0));
}

Value writeCosine(MathWriter &w, Value x) { return writeShiftedSine(w, x, 1); }

} // namespace moru
