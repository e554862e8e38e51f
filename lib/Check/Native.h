//===- Native.h - compiled code on the Reference's numbers -----------*- C++ -*-===//
// Internal to lib/Check. Memory that a forked child fills by running compiled code, so that a wrong address ends the
// child and is reported, and does not end the compiler.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CHECK_NATIVE_H
#define MORU_LIB_CHECK_NATIVE_H

#include "Run.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace moru::check {

/// Machine code of a module, unoptimized. It may call libm.
class NativeCode {
public:
  /// From a module of the LLVM dialect.
  static llvm::Expected<std::unique_ptr<NativeCode>> create(mlir::ModuleOp module);
  ~NativeCode();
  /// The address of a function, or null.
  void *lookup(llvm::StringRef name) const;

private:
  struct Implementation;
  explicit NativeCode(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation;
};

/// A copy of the kernels' functions of `module` (stage loops), lowered by upstream's passes alone, each with an entry
/// as `loops-to-llvm` makes it.
mlir::OwningOpRef<mlir::ModuleOp> lowerKernelsPlainly(mlir::ModuleOp module);

/// Memory that a child process shares with this one. A piece ends where a page ends that may be neither read nor
/// written, so that the first byte too many ends the child; before it is a guard.
class SharedMemory {
public:
  explicit SharedMemory(int64_t bytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  /// A piece whose bytes, and the guard before it, hold kFill. Null when there is no room.
  uint8_t *allocate(int64_t bytes);
  /// What a piece of that size takes.
  static int64_t spaceFor(int64_t bytes);

private:
  uint8_t *base;
  int64_t capacity, used = 0;
};

/// Memory of one buffer: the layout's bytes, the rest and the guard filled with a pattern that is NaN in every
/// floating-point type.
class BufferImage {
public:
  BufferImage(SharedMemory &memory, kernel::BufferType type);

  uint8_t *data() const { return bytes; }
  /// Stores entries rounded to the type.
  void write(const reference::Tensor &tensor);
  reference::Tensor read() const;
  /// No byte has changed since the last `write`.
  bool isAsWritten() const;
  /// The byte offset of the first byte outside of the entries that is not as it was, if any; within panels' padding
  /// anything goes.
  std::optional<int64_t> findStrayWrite() const;

private:
  uint64_t hash() const;

  kernel::BufferType type;
  uint8_t *bytes;
  uint64_t written = 0;
};

/// How a child ended.
struct ChildResult {
  /// It has run to its end.
  bool finished = false;
  /// What it was at: the last number that it noted.
  int64_t progress = 0;
  /// "signal 11 (segmentation fault)", "no end within 20 s".
  std::string reason;
};

/// Runs `work` in a forked child; it gets a place to note its progress. The child must only compute and write to shared
/// memory.
ChildResult runInChild(llvm::function_ref<void(int64_t &progress)> work);

} // namespace moru::check

#endif // MORU_LIB_CHECK_NATIVE_H
