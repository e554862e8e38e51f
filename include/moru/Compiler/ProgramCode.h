// A compiled program before it is loaded: objects, the signature, and what is known of the kernels. As bytes, it is
// what the cache on disk keeps.

#ifndef MORU_COMPILER_PROGRAMCODE_H
#define MORU_COMPILER_PROGRAMCODE_H

#include "moru/Compiler/Signature.h"
#include "moru/Support/KernelCost.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moru {

/// A kernel that the runtime calls through an entry.
struct KernelCode {
  std::string name;
  KernelCost cost;
};

struct ProgramCode {
  ProgramSignature signature;
  std::vector<KernelCode> kernels;
  /// The code in several objects, which name nothing outside of all of them.
  std::vector<std::string> objects;

  std::string toBytes() const;
  /// Nothing where the bytes are not of this form.
  static std::optional<ProgramCode> fromBytes(std::string_view bytes);
};

} // namespace moru

#endif // MORU_COMPILER_PROGRAMCODE_H
