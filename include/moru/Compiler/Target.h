// The machine that code is compiled for: a list of instruction-set features and what follows from it. Every choice of a
// width or a tile comes from here. Two machines with the same features get the same code and so the same bits: nothing
// is read from the processor's name or from its caches' real sizes. Free of LLVM and MLIR.

#ifndef MORU_COMPILER_TARGET_H
#define MORU_COMPILER_TARGET_H

#include "moru/Support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moru {

/// What code may use, and what the cost models assume.
struct Target {
  /// As it was asked for: "native", "x86-64-v3", "x86-64-v4+amx-tile,amx-bf16".
  std::string name;
  /// LLVM's triple, of the machine that runs the compiler.
  std::string triple;
  /// LLVM's feature names ("avx2", "fma"), sorted, each once.
  std::vector<std::string> features;
  /// Bits of the widest vector register that is used: 512 with AVX-512 (F, BW, DQ, VL), 256 with AVX2 and FMA, else
  /// 128.
  int64_t vectorBits = 128;
  /// Vector registers: 32 with AVX-512, else 16.
  int64_t vectorRegisters = 16;
  /// Bytes per core of the caches that blocking aims at; those of the smallest common machine with these features.
  int64_t l1Bytes = 32 << 10;
  int64_t l2Bytes = 256 << 10;
  /// Bytes of the last cache, for one core.
  int64_t l3Bytes = 2 << 20;

  /// The machine that this runs on.
  static Target host();

  /// "native", "x86-64-v2", "x86-64-v3" or "x86-64-v4", each with optional features after a plus:
  /// "x86-64-v3+avx512f,f16c".
  static Result<Target> parse(std::string_view text);

  /// True if code may use the feature.
  bool has(std::string_view feature) const;
  /// True if there are matrix units for bf16, and vectors of their width.
  bool hasTiles() const;

  /// Elements of that many bits in one vector register.
  int64_t lanes(int64_t elementBits) const { return vectorBits / elementBits; }

  /// "+avx,+avx2,…", as LLVM takes it.
  std::string featureString() const;

  /// LLVM's name of the processor whose scheduling model fits these features; see Target.cpp.
  std::string tuneCpu() const;

  /// The features that code for this target needs and this machine lacks; empty: it can run here.
  std::vector<std::string> missingOnHost() const;

  /// Two targets with the same key give the same code.
  std::string key() const { return triple + " " + featureString(); }
};

} // namespace moru

#endif // MORU_COMPILER_TARGET_H
