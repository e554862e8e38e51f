//===- Tolerances.h - how far floating point may stray ---------*- C++ -*-===//
// The one place where accuracies are stated. A tolerance of a test or of the checker is never invented: it is the
// running error bound that the Reference computes from these constants and from the magnitudes of the numbers at hand.
//===----------------------------------------------------------------------===//

#ifndef MORU_REFERENCE_TOLERANCES_H
#define MORU_REFERENCE_TOLERANCES_H

namespace moru::reference {

/// Unit roundoffs: the largest relative error of one correctly rounded operation, 2^-(digits of the significand).
constexpr double kRoundoffF64 = 0x1p-53;
constexpr double kRoundoffF32 = 0x1p-24;
constexpr double kRoundoffBF16 = 0x1p-8;

/// How far the functions of compiled code are from the exact result in f32, in units in the last place: the largest
/// error over all 2^32 numbers (of pow: over 10^9 pairs), with AVX2 as with AVX-512, rounded up. Denormal results count
/// in units of 2^-149; zeros, infinities and NaN are C's. ApproximateMathTest measures them.
constexpr double kExpUlps = 1.02;
constexpr double kLogUlps = 0.86;
constexpr double kLog1pUlps = 0.96;
constexpr double kTanhUlps = 1;
constexpr double kSigmoidUlps = 2.41;
constexpr double kErfUlps = 1.06;
constexpr double kSqrtUlps = 0.5;
constexpr double kRsqrtUlps = 1.5;
constexpr double kSineUlps = 1.6;
constexpr double kPowUlps = 0.51;

/// The same in unit roundoffs, of which an ulp is two at most. In bf16 the result is rounded once more.
constexpr double inRoundoffs(double ulps) { return 2 * ulps + 1; }

/// A quotient or root may be a reciprocal times a number: three roundings instead of one.
constexpr double kDivisionRoundoffs = 3;

/// Contractions on matrix units, of operands split into parts of bf16. What is left of a number behind so many parts,
/// relative to it; products of parts that are left out are as small.
constexpr double kSplitTwo = 0x1p-16, kSplitThree = 0x1p-24;
/// Parts of a number that are denormal are taken for zero: no more than two, or the number itself where it is bf16.
constexpr double kFlushedParts = 0x1p-125;
/// So are sums, after each product of parts: two parts have three, three parts six.
constexpr double kFlushedSums = 6 * 0x1p-126;

/// A result that underflows is off by the smallest denormal, or by as many as a function is by ulps.
constexpr double kUnderflowF32 = 0x1p-149;
constexpr double kUnderflowF64 = 0x1p-1074;
/// bf16 has the exponents of f32 and 16 digits less.
constexpr double kUnderflowBF16 = 0x1p-133;

/// Below the smallest normal number, fewer digits are left.
constexpr double kSmallestNormalF32 = 0x1p-126;
constexpr double kSmallestNormalF64 = 0x1p-1022;

/// Largest finite numbers: what lies beyond that of f32 is infinite there and finite in f64.
constexpr double kLargestBF16 = 0x1.fep127;
constexpr double kLargestF32 = 0x1.fffffep127;
constexpr double kLargestF64 = 0x1.fffffffffffffp1023;

/// An f64 program compared with its rewritten self: both bounds count, in unit roundoffs of f64. The factor covers the
/// terms of second order that the bounds leave out.
constexpr double kSecondOrder = 4;

} // namespace moru::reference

#endif // MORU_REFERENCE_TOLERANCES_H
