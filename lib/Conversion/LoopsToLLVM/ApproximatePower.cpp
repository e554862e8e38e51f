//===- ApproximatePower.cpp - x^y of f32 ----------------------------------===//
// |x|^y = 2^(y log2 |x|) in f64: the exponent, up to 150, has to be known to 2^-33 of itself.
//===----------------------------------------------------------------------===//

#include "MathWriter.h"

using namespace mlir;

namespace moru {
namespace {

/// log2 of a positive f64 that comes from an f32 (so it is normal); minus infinity for 0, infinity for infinity. With
/// x = 2^k m and s = (m - 1) / (m + 1): k + s p(s^2), within 2^-45 of its value.
Value writeLog2(MathWriter &w, Value x) {
  Value bits = w.asInteger(x);
  // The bits of sqrt(1 / 2).
  Value k = w.shiftRight(w.subInteger(bits, w.integer(w.i64(), 0x3fe6a09e667f3bcd)), 52);
  Value m = w.asFloat(w.subInteger(bits, w.shiftLeft(k, 52)));
  Value one = w.constant(w.f64(), 1), s = w.div(w.sub(m, one), w.add(m, one));
  Value p = w.polynomial(w.mul(s, s), {0.28294516864417013, 0.31990271514240454, 0.41220932063389543,
                                       0.57707794173768778, 0.96179669411531188, 2.8853900817778491});
  Value y = w.fma(s, p, w.toFloat(w.f64(), w.toNarrow(k)));
  Value infinity = w.infinity(w.f64());
  y = w.select(w.less(x, infinity), y, x);
  return w.select(w.equal(x, 0), w.sub(w.constant(w.f64(), 0), infinity), y);
}

/// 2^x, within 2^-34 of its value where f32 holds it; 0 or infinity in f32 beyond.
Value writeExp2(MathWriter &w, Value x) {
  x = w.clamp(x, -200, 200);
  // 1.5 * 2^52 is added, which leaves the integer in the lowest bits.
  Value magic = w.constant(w.f64(), 6755399441055744.0), shifted = w.add(x, magic);
  Value r = w.sub(x, w.sub(shifted, magic));
  Value k = w.subInteger(w.asInteger(shifted), w.asInteger(magic));
  Value p =
      w.polynomial(r, {1.5201918086885011e-05, 0.00015469291111447055, 0.0013333922578769334, 0.009618027253782805,
                       0.055504103534291575, 0.24022651198156492, 0.69314718072845283, 0.9999999999616821});
  return w.mul(p, w.asFloat(w.shiftLeft(w.addInteger(k, w.integer(w.i64(), 1023)), 52)));
}

Value isInteger(MathWriter &w, Value y) { return w.equal(w.floor(y), y); }

} // namespace

Value writePower(MathWriter &w, Value x, Value y) {
  Value one = w.constant(1), zero = w.constant(0), infinity = w.infinity(w.f32());
  Value product = w.mul(w.extend(y), writeLog2(w, w.extend(w.absolute(x))));
  Value z = w.truncate(writeExp2(w, product));
  // Below zero: an odd y keeps the sign (that of -0 too), one that is not an integer has no power of a finite number.
  Value isWhole = isInteger(w, y), isOdd = w.both(isWhole, w.negate(isInteger(w, w.mul(y, 0.5))));
  z = w.select(isOdd, w.withSign(z, x), z);
  Value isFinite = w.less(w.sub(zero, infinity), x);
  z = w.select(w.both(w.both(w.less(x, zero), isFinite), w.negate(isWhole)), w.nan(w.f32()), z);
  // 1^y = x^0 = 1 even of NaN, and (-1)^infinity = 1.
  Value isOne = w.either(w.equal(x, one), w.equal(y, zero));
  isOne = w.either(isOne, w.both(w.equal(x, -1), w.equal(w.absolute(y), infinity)));
  return w.select(isOne, one, z);
}

} // namespace moru
