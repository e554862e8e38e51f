// Loads an object file into this process.

#ifndef MORU_COMPILER_JIT_H
#define MORU_COMPILER_JIT_H

#include "moru/Compiler/Target.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace moru {

/// Machine code in memory; the addresses live as long as this does.
class Jit {
public:
  /// Links objects that were made for `target`. Fails where this machine lacks a feature of it. They may name nothing
  /// outside themselves.
  static llvm::Expected<std::unique_ptr<Jit>> create(llvm::ArrayRef<std::string> objects, const Target &target);
  ~Jit();

  /// The address of a function of the objects.
  llvm::Expected<void *> lookup(llvm::StringRef name);

private:
  struct Implementation;
  explicit Jit(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation;
};

} // namespace moru

#endif // MORU_COMPILER_JIT_H
