//===- ElementTypes.cpp - element types of MLIR and of the host -----------===//

#include "moru/Dialect/Graph/ElementTypes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace moru;

static std::optional<ElementType> integerType(IntegerType type) {
  switch (type.getWidth()) {
  case 1:
    return ElementType::I1;
  case 8:
    return type.isUnsigned() ? ElementType::U8 : ElementType::I8;
  case 16:
    return ElementType::I16;
  case 32:
    return ElementType::I32;
  case 64:
    return ElementType::I64;
  default:
    return std::nullopt;
  }
}

std::optional<ElementType> graph::toElementType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type))
    return integerType(integer);
  if (type.isF64())
    return ElementType::F64;
  if (type.isF32())
    return ElementType::F32;
  if (type.isF16())
    return ElementType::F16;
  if (type.isBF16())
    return ElementType::BF16;
  return std::nullopt;
}

Type graph::fromElementType(MLIRContext *context, ElementType type) {
  Builder builder(context);
  switch (type) {
  case ElementType::F32:
    return builder.getF32Type();
  case ElementType::F64:
    return builder.getF64Type();
  case ElementType::BF16:
    return builder.getBF16Type();
  case ElementType::F16:
    return builder.getF16Type();
  case ElementType::I64:
    return builder.getI64Type();
  case ElementType::I32:
    return builder.getI32Type();
  case ElementType::I16:
    return builder.getI16Type();
  case ElementType::I8:
  case ElementType::U8:
    return builder.getI8Type();
  case ElementType::I1:
    return builder.getI1Type();
  }
  return {};
}
