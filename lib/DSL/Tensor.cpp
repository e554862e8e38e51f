//===- Tensor.cpp - the handle of a tensor --------------------------------===//
// What a handle tells about its tensor. It answers for empty and poisoned tensors too, so that building can go on after
// a mistake.
//===----------------------------------------------------------------------===//

#include "Trace.h"

using namespace mlir;

namespace moru {

ElementType Tensor::type() const { return impl ? impl->type : ElementType::F32; }

const Shape &Tensor::shape() const {
  static const Shape kNone;
  return impl ? impl->shape : kNone;
}

Dims Tensor::dims() const {
  Dims result;
  for (size_t axis = 0; impl && axis < impl->shape.size(); ++axis)
    result.push_back(Dim(impl->axisNames[axis], impl->shape[axis]));
  return result;
}

int64_t Tensor::size(int64_t axis) const {
  axis += axis < 0 ? rank() : 0;
  return axis >= 0 && axis < rank() ? impl->shape[axis] : 1;
}

const std::string &Tensor::name() const {
  static const std::string kNone;
  return impl ? impl->name : kNone;
}

bool Tensor::poisoned() const { return impl && impl->poisoned; }

Tensor Tensor::named(std::string_view name) const {
  if (!impl || impl->poisoned || impl->isParameter())
    return *this;
  auto copy = std::make_shared<detail::TensorImpl>(*impl);
  copy->name = name;
  // Only what this trace made is renamed; an argument keeps its name.
  MLIRContext *context = copy->value.getContext();
  auto rename = [&](Location loc) -> Location {
    if (auto known = dyn_cast<NameLoc>(loc))
      loc = known.getChildLoc();
    return NameLoc::get(StringAttr::get(context, name), loc);
  };
  if (Operation *op = copy->value.getDefiningOp()) {
    if (op->getNumResults() == 1)
      op->setLoc(rename(op->getLoc()));
  } else if (auto argument = cast<BlockArgument>(copy->value);
             isa<graph::ScanOp, graph::WhileOp>(argument.getOwner()->getParentOp())) {
    argument.setLoc(rename(argument.getLoc()));
  }
  return Tensor(std::move(copy));
}

Tensor Tensor::withDims(std::initializer_list<std::string_view> names, Here at) const {
  detail::OpBuilding op("withDims", at, {this});
  if (!op)
    return op.poison();
  if (int64_t(names.size()) != rank())
    return op.fail("expected " + Twine(rank()) + " names, got " + Twine(names.size()) + ": " + op.describe(*this, "x"));
  auto copy = std::make_shared<detail::TensorImpl>(*impl);
  copy->axisNames.assign(names.begin(), names.end());
  return Tensor(std::move(copy));
}

CallerScope::CallerScope(Here at) : trace(detail::Trace::current()) {
  if (trace)
    trace->callers.push_back(at);
}

CallerScope::~CallerScope() {
  if (trace)
    trace->callers.pop_back();
}

} // namespace moru
