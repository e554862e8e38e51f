//===- KernelDialect.cpp - the kernel dialect and its types ---------------===//
// Initialization, and the arithmetic of layouts.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moru::kernel;

#include "moru/Dialect/Kernel/KernelDialect.cpp.inc"
#include "moru/Dialect/Kernel/KernelEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moru/Dialect/Kernel/KernelAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "moru/Dialect/Kernel/KernelTypes.cpp.inc"

void KernelDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moru/Dialect/Kernel/KernelAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "moru/Dialect/Kernel/KernelTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "moru/Dialect/Kernel/KernelOps.cpp.inc"
      >();
}

SmallVector<int64_t> moru::kernel::getRowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (int64_t axis = static_cast<int64_t>(shape.size()) - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

std::optional<int64_t> moru::kernel::getCommonStride(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  int64_t stride = 0, next = 0;
  for (auto [size, step] : llvm::reverse(llvm::zip_equal(shape, strides))) {
    if (size == 1)
      continue;
    if (stride && step != next)
      return std::nullopt;
    if (!stride)
      stride = step;
    next = step * size;
  }
  return stride;
}

BufferType moru::kernel::getStridedBuffer(ArrayRef<int64_t> shape, Type elementType, ArrayRef<int64_t> strides) {
  Attribute layout;
  if (ArrayRef<int64_t>(getRowMajorStrides(shape)) != strides)
    layout = StridedLayoutAttr::get(elementType.getContext(), 0, strides);
  return BufferType::get(elementType.getContext(), shape, elementType, layout);
}

TileShape::TileShape(BufferType type)
    : planes(type.getTiles().getPlanes()), depth(type.getShape()[type.getRank() - 2]), columns(type.getShape().back()),
      panels(llvm::divideCeil(columns, kPanel)), blocks(llvm::divideCeil(depth, kBlock)) {
  for (int64_t size : type.getShape().drop_back(2))
    batches *= size;
}

RankedTensorType BufferType::getTensorType() const { return RankedTensorType::get(getShape(), getElementType()); }

int64_t BufferType::getPanelWidth() const {
  auto panels = dyn_cast_or_null<PanelsAttr>(getLayout());
  return panels ? panels.getWidth() : 0;
}

TilesAttr BufferType::getTiles() const { return dyn_cast_or_null<TilesAttr>(getLayout()); }

SmallVector<int64_t> BufferType::getStrides() const {
  assert(!isPacked() && "packed operands have no strides");
  if (auto strided = dyn_cast_or_null<StridedLayoutAttr>(getLayout()))
    return SmallVector<int64_t>(strided.getStrides());
  return getRowMajorStrides(getShape());
}

bool BufferType::isRowMajor() const { return !isPacked() && getStrides() == getRowMajorStrides(getShape()); }

int64_t BufferType::getElementBytes() const {
  unsigned bits = getElementType().getIntOrFloatBitWidth();
  return (bits + 7) / 8;
}

int64_t BufferType::getSizeInBytes() const {
  if (getTiles())
    return TileShape(*this).getSizeInBytes();
  int64_t elements = 1;
  if (int64_t width = getPanelWidth()) {
    for (int64_t size : getShape().drop_back())
      elements *= size;
    elements *= (getShape().back() + width - 1) / width * width;
  } else {
    for (auto [size, stride] : llvm::zip(getShape(), getStrides()))
      elements = size == 0 ? 0 : elements + (size - 1) * stride;
  }
  return elements * getElementBytes();
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape,
                                 Type elementType, Attribute layout) {
  if (!elementType.isIntOrFloat())
    return emitError() << "expected an integer or floating-point element type, got " << elementType;
  if (llvm::any_of(shape, [](int64_t size) { return size < 0; }))
    return emitError() << "expected static sizes";
  if (!layout)
    return success();
  if (auto strided = dyn_cast<StridedLayoutAttr>(layout)) {
    if (strided.getStrides().size() != shape.size() || strided.getOffset() != 0 || !strided.hasStaticLayout())
      return emitError() << "expected " << shape.size() << " static strides and no offset, got " << layout;
    return success();
  }
  if (auto tiles = dyn_cast<TilesAttr>(layout)) {
    bool fits = elementType.isBF16() ? tiles.getPlanes() == 1
                                     : elementType.isF32() && (tiles.getPlanes() == 2 || tiles.getPlanes() == 3);
    if (shape.size() < 2 || !fits)
      return emitError() << "expected tiles of 2 or 3 planes over f32, or of 1 over bf16, of rank 2 or more, got "
                         << layout << " over " << elementType << " of rank " << shape.size();
    return success();
  }
  auto panels = dyn_cast<PanelsAttr>(layout);
  if (!panels)
    return emitError() << "expected a layout strided<[…]>, #kernel.panels<width> or #kernel.tiles<side, planes>, got "
                       << layout;
  if (shape.size() < 2 || panels.getWidth() < 1)
    return emitError() << "expected panels of width 1 or more over rank 2 or more, got " << layout << " over rank "
                       << shape.size();
  return success();
}

/// `!kernel.buffer<32x1024xf32>`, `!kernel.buffer<32x1024xf32, strided<[10240, 1]>>`
Type BufferType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  Attribute layout;
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(elementType))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseAttribute(layout))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), shape, elementType, layout);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << '<';
  for (int64_t size : getShape())
    printer << size << 'x';
  printer << getElementType();
  if (getLayout())
    printer << ", " << getLayout();
  printer << '>';
}
