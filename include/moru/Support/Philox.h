// Philox4x32-10, the one source of random numbers: a keyed bijection of 128-bit counters. A number is a function of
// (seed, stream, step, element) alone, so order of evaluation, thread count and resuming cannot change it.
//
//   key     = (seed low, seed high)
//   counter = (element low, element high, stream, step)
//
// Element i of a tensor takes word 0 of the block of its own counter. Free of LLVM and MLIR.

#ifndef MORU_SUPPORT_PHILOX_H
#define MORU_SUPPORT_PHILOX_H

#include <array>
#include <cstdint>

namespace moru {

/// Four random words.
using PhiloxBlock = std::array<uint32_t, 4>;

namespace detail {
// Multipliers and key increments of the algorithm: the multipliers were searched for best diffusion by its authors, the
// increments are the golden ratio and sqrt(3) - 1 as 32-bit fractions.
constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53;
constexpr uint32_t kPhiloxMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kPhiloxIncrement0 = 0x9E3779B9;
constexpr uint32_t kPhiloxIncrement1 = 0xBB67AE85;
/// Ten rounds are three more than the least number known to pass BigCrush.
constexpr int kPhiloxRounds = 10;
} // namespace detail

/// The block that belongs to a counter under a key.
constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < detail::kPhiloxRounds; ++round) {
    uint64_t product0 = uint64_t(detail::kPhiloxMultiplier0) * counter[0];
    uint64_t product1 = uint64_t(detail::kPhiloxMultiplier1) * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += detail::kPhiloxIncrement0;
    key[1] += detail::kPhiloxIncrement1;
  }
  return counter;
}

/// The block of one element of one random operation in one step.
constexpr PhiloxBlock philoxBlock(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element) {
  return philox4x32({uint32_t(element), uint32_t(element >> 32), stream, step}, {uint32_t(seed), uint32_t(seed >> 32)});
}

/// The 32 random bits of an element.
constexpr uint32_t philoxBits(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element) {
  return philoxBlock(seed, stream, step, element)[0];
}

/// 24 random bits as a multiple of 2^-24 in [0, 1); exact in f32.
constexpr float uniformFromBits(uint32_t bits) { return float(bits >> 8) * 0x1p-24f; }

/// The uniform number in [0, 1) of an element.
constexpr float philoxUniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element) {
  return uniformFromBits(philoxBits(seed, stream, step, element));
}

} // namespace moru

#endif // MORU_SUPPORT_PHILOX_H
