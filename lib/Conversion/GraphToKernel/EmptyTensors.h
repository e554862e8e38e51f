//===- EmptyTensors.h - tensors without entries ------------------*- C++ -*-===//
// Internal to graph-to-kernel.
//===----------------------------------------------------------------------===//

#ifndef MORU_LIB_CONVERSION_GRAPHTOKERNEL_EMPTYTENSORS_H
#define MORU_LIB_CONVERSION_GRAPHTOKERNEL_EMPTYTENSORS_H

#include "mlir/IR/PatternMatch.h"

namespace moru {

/// Patterns after which no operation but a scan reads or makes a tensor without entries: tiles, panels and views need
/// not think of it.
void populateReplaceEmptyTensorsPatterns(mlir::RewritePatternSet &patterns);

} // namespace moru

#endif // MORU_LIB_CONVERSION_GRAPHTOKERNEL_EMPTYTENSORS_H
