// The options of a compilation: a plain struct with defaults that serve. Free of LLVM and MLIR.

#ifndef MORU_COMPILER_COMPILEOPTIONS_H
#define MORU_COMPILER_COMPILEOPTIONS_H

#include "moru/Compiler/Target.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moru {

/// How code is made.
enum class CodeQuality : uint8_t {
  /// The passes of LLVM's O2 that kernels need.
  Optimized,
  /// No optimization at all: to compare with.
  Plain
};

/// How contractions of f32 multiply.
enum class Precision : uint8_t {
  /// Fused multiply-additions of f32.
  F32,
  /// The six largest products of three parts of bf16 on matrix units, where that is faster: as accurate as f32.
  F32x6,
  /// Three products of two parts: errors of about 4e-6 of the sum of magnitudes.
  F32x3,
  /// Operands are rounded to bf16, products added up in f32. Parameters, states and all else stay f32.
  BF16,
};

/// "f32", "f32x6", "f32x3", "bf16".
std::string_view toString(Precision precision);
std::optional<Precision> parsePrecision(std::string_view name);

struct CompileOptions {
  /// The machine; the one that this runs on by default.
  Target target = Target::host();
  CodeQuality quality = CodeQuality::Optimized;
  /// On a target without matrix units f32x6 and f32x3 are f32; bf16 rounds there, too.
  Precision precision = Precision::F32;
  /// Threads of an executable; 0: one for each CPU that the process may use. Never changes a result.
  int32_t threads = 0;
  /// Loops keep nothing for their reverse but what they carry, and do each step again there.
  bool recompute = false;
  /// Bytes that loops may keep for their reverse, and that the operands of a sum over the steps may take; 0: any
  /// number. What does not fit is computed again, or added up in chunks of steps.
  int64_t memoryBudget = 0;
  /// Small kernels are launched together. Never changes a result.
  bool group = true;
  /// Takes machine code from the user's cache, and puts it there. Never changes it.
  bool cache = true;
  /// A folder that gets a file for each stage; empty: none.
  std::string dumpStages = "";
  /// Runs the IR after each pass against the reference.
  bool checkEach = false;
};

} // namespace moru

#endif // MORU_COMPILER_COMPILEOPTIONS_H
