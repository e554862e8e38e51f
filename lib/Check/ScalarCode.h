//===- ScalarCode.h - programs number by number ------------------*- C++ -*-===//
// Internal to lib/Check.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_SCALARCODE_H
#define MORU_LIB_CHECK_SCALARCODE_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace moru::check {

/// LLVM IR, as text, whose vectors are taken apart and which is then optimized: programs of the same text compute the
/// same, and access memory in the same way. Empty if it is none.
std::string toScalarCode(llvm::StringRef text);

} // namespace moru::check

#endif // MORU_LIB_CHECK_SCALARCODE_H
