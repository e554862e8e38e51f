// Arrays on the command line: a file, or a literal such as `2x2xf32=1,2,3,4`.

#ifndef MORU_TOOLS_MORU_ARRAYSPEC_H
#define MORU_TOOLS_MORU_ARRAYSPEC_H

#include "moru/Support/HostTensor.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace moru {

/// `[name=]@file` or `[name=]type=values`.
struct ArraySpec {
  /// One value for each element, or one for all.
  struct Literal {
    ElementType type;
    Shape shape;
    std::vector<double> values;
  };

  std::string name, file;
  std::optional<Literal> literal;

  static llvm::Expected<ArraySpec> parse(llvm::StringRef text, llvm::StringRef flag);
  llvm::Expected<HostTensor> read() const;
};

/// The first entry that differs by more than the tolerance, relative to the largest expected value (integers: at all),
/// as a message; empty: none.
std::string findDifference(const HostTensor &value, const HostTensor &expected, double tolerance);

} // namespace moru

#endif // MORU_TOOLS_MORU_ARRAYSPEC_H
