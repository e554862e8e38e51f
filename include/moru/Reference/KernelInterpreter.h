//===- KernelInterpreter.h - what a program of kernels means ------*- C++ -*-===//
// Runs a function of the kernel dialect on the Reference's numbers: buffers are pieces of storages, the region of each
// kernel is evaluated on the logical tensors. In a planned function the buffers lie in one arena as the plan says:
// writing one poisons the bytes it covers for every buffer that holds other entries there, and reading a poisoned or
// never written entry is an error at the kernel that does it.
//===----------------------------------------------------------------------===//

#ifndef MORU_REFERENCE_KERNELINTERPRETER_H
#define MORU_REFERENCE_KERNELINTERPRETER_H

#include "moru/Dialect/Kernel/Kernel.h"
#include "moru/Reference/Evaluator.h"

namespace moru::reference {

/// One execution of a kernel: its operands as it found them and what it stored.
struct KernelExecution {
  /// The `kernel.compute` or `kernel.launch`.
  mlir::Operation *op;
  llvm::ArrayRef<Tensor> reads, writes;
  /// The iteration of each loop around it, outermost first.
  llvm::ArrayRef<int64_t> steps;
};

/// How to run a function of kernels.
struct InterpretOptions {
  Bounds bounds = Bounds::Off;
  /// As in EvaluateOptions.
  const std::set<double> *exactConstants = nullptr;
  std::function<double()> drawRounding{};
  /// What each `kernel.launch` means: the kernel that it was before kernels became functions of loops.
  llvm::DenseMap<mlir::Operation *, kernel::ComputeOp> meanings{};
  /// Called after each kernel.
  std::function<void(const KernelExecution &)> observe;
  /// Called with each value within a kernel, its operands too.
  std::function<void(mlir::Value, const Tensor &)> observeValue;
};

/// Runs `function` on the contents of its arguments. Arguments of role `output` start unwritten, whatever is given for
/// them. Returns the contents of all arguments at the end; an output that was never written is an error.
mlir::FailureOr<llvm::SmallVector<Tensor>> interpret(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> arguments,
                                                     const InterpretOptions &options = {});

/// The buffers of a kernel in the order in which its function takes them: reads, then writes, each once.
llvm::SmallVector<mlir::Value> getKernelParameters(kernel::ComputeOp compute);

/// Calls `visit(linear index, element offset)` for each logical entry of a buffer, as the layout says. In tiles an
/// entry lies in several places: it gets an offset of its own within the buffer.
void forEachEntry(kernel::BufferType type, llvm::function_ref<void(int64_t, int64_t)> visit);

/// Whether the function works on buffers (and so is for `interpret`) rather than on tensors (`evaluate`).
bool isKernelFunction(mlir::func::FuncOp function);

/// Whether argument `index` of a function of kernels is where a result goes, and so starts unwritten.
bool isOutput(mlir::func::FuncOp function, unsigned index);

} // namespace moru::reference

#endif // MORU_REFERENCE_KERNELINTERPRETER_H
