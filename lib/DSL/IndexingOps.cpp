//===- IndexingOps.cpp - tables, computed places, order --------------------===//
// Operations whose places are numbers of the program.
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "moru/DSL/Ops.h"

using namespace mlir;

namespace moru {

using detail::AxisNames;
using detail::OpBuilding;

static bool isInteger(const Tensor &tensor) {
  return tensor.type() == ElementType::I32 || tensor.type() == ElementType::I64;
}

/// The order of `rank` axes in which `count` axes from `from` on stand at `to`.
static std::vector<int64_t> movedAxes(int64_t rank, int64_t from, int64_t count, int64_t to) {
  std::vector<int64_t> order;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (axis < from || axis >= from + count)
      order.push_back(axis);
  for (int64_t axis = 0; axis < count; ++axis)
    order.insert(order.begin() + to + axis, from + axis);
  return order;
}

static Tensor moveAxes(const Tensor &x, int64_t from, int64_t count, int64_t to, Here at) {
  return from == to ? x : transpose(x, movedAxes(x.rank(), from, count, to), at);
}

Tensor gather(const Tensor &table, const Tensor &ids, int64_t axis, Here at) {
  OpBuilding op("gather", at, {&table, &ids});
  if (!op)
    return op.poison();
  if (table.rank() < 1)
    return op.fail("expected a table of rank 1 or more: " + op.describe(table, "table"));
  if (!isInteger(ids))
    return op.fail("expected ids of i32 or i64: " + op.describe(ids, "ids"));
  std::optional<int64_t> place = op.axis(axis, table.rank(), table, "table");
  if (!place)
    return op.poison();
  if (*place != 0)
    return moveAxes(gather(moveAxes(table, *place, 1, 0, at), ids, 0, at), 0, ids.rank(), *place, at);
  AxisNames names = detail::namesOf(ids);
  names.insert(names.end(), detail::namesOf(table).begin() + 1, detail::namesOf(table).end());
  return op.result(graph::GatherOp::create(op.builder(), op.loc(), op[0], op[1]), names);
}

Tensor gatherAlongAxis(const Tensor &x, const Tensor &ids, int64_t axis, Here at) {
  OpBuilding op("gatherAlongAxis", at, {&x, &ids});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return op.poison();
  Shape expected = x.shape();
  if (ids.rank() == x.rank())
    expected[*place] = ids.size(*place);
  if (!isInteger(ids) || ids.shape() != expected)
    return op.fail("expected integer ids of x's shape but along axis " + Twine(axis) + ": " + op.describe(x, "x") +
                   ", " + op.describe(ids, "ids"));
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    if (!op.isStaticAxis(x, axis, "number entries across") ||
        !op.isStaticAxis(ids, axis, "number entries across", "ids"))
      return op.poison();
  AxisNames names = detail::namesOf(x);
  names[*place] = detail::namesOf(ids)[*place];
  return op.result(graph::GatherAlongAxisOp::create(op.builder(), op.loc(), op[0], op[1], *place), names);
}

Tensor scatterAdd(const Tensor &updates, const Tensor &ids, int64_t rows, Here at) {
  OpBuilding op("scatterAdd", at, {&updates, &ids});
  if (!op)
    return op.poison();
  if (!isInteger(ids))
    return op.fail("expected ids of i32 or i64: " + op.describe(ids, "ids"));
  if (!isFloat(updates.type()) || detail::largestSize(rows) < 0 || updates.rank() < ids.rank() ||
      !std::equal(ids.shape().begin(), ids.shape().end(), updates.shape().begin()))
    return op.fail("expected updates of floating point whose first axes are those of ids: " +
                   op.describe(updates, "updates") + ", " + op.describe(ids, "ids"));
  Shape shape{rows};
  shape.insert(shape.end(), updates.shape().begin() + ids.rank(), updates.shape().end());
  AxisNames names{""};
  names.insert(names.end(), detail::namesOf(updates).begin() + ids.rank(), detail::namesOf(updates).end());
  return op.result(graph::ScatterAddOp::create(op.builder(), op.loc(), op.type(updates.type(), shape), op[0], op[1]),
                   names);
}

Tensor scatterAdd(const Tensor &base, const Tensor &ids, const Tensor &updates, int64_t axis, Here at) {
  OpBuilding op("scatterAdd", at, {&base, &ids, &updates});
  if (!op)
    return op.poison();
  std::optional<int64_t> place = op.axis(axis, base.rank(), base, "base");
  if (!place)
    return op.poison();
  Shape expected = base.shape();
  expected.erase(expected.begin() + *place);
  expected.insert(expected.begin() + *place, ids.shape().begin(), ids.shape().end());
  if (!isInteger(ids) || base.type() != updates.type() || updates.shape() != expected)
    return op.fail("expected updates of base's type and shape with the axes of integer ids in place of axis " +
                   Twine(axis) + ": " + op.describe(base, "base") + ", " + op.describe(ids, "ids") + ", " +
                   op.describe(updates, "updates"));
  Tensor sums = scatterAdd(moveAxes(updates, *place, ids.rank(), 0, at), ids, base.size(*place), at);
  return Operand(base, at) + Operand(moveAxes(sums, 0, 1, *place, at), at);
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

/// One scalar integer per axis; records a mistake otherwise.
static bool checkStarts(OpBuilding &op, const Tensor &x, const std::vector<Tensor> &starts) {
  if (int64_t(starts.size()) != x.rank()) {
    op.fail("expected one start per axis, got " + Twine(starts.size()) + ": " + op.describe(x, "x"));
    return false;
  }
  for (const Tensor &start : starts)
    if (!isInteger(start) || start.rank() != 0) {
      op.fail("expected starts [] of i32 or i64: " + op.describe(start, "a start"));
      return false;
    }
  return true;
}

static SmallVector<const Tensor *> withStarts(std::initializer_list<const Tensor *> tensors,
                                              const std::vector<Tensor> &starts) {
  SmallVector<const Tensor *> operands(tensors);
  for (const Tensor &start : starts)
    operands.push_back(&start);
  return operands;
}

/// `box` has the rank of `x` and is nowhere larger; of a bounded axis it takes all. Records a mistake otherwise.
static bool checkBox(OpBuilding &op, const Shape &box, const Tensor &x, const Twine &mistake) {
  bool fits = int64_t(box.size()) == x.rank();
  for (size_t axis = 0; fits && axis < box.size(); ++axis) {
    if (box[axis] == x.size(axis))
      continue;
    if (!op.isStaticAxis(x, axis, "take a part of"))
      return false;
    fits = box[axis] >= 0 && box[axis] <= x.size(axis);
  }
  if (!fits)
    op.fail(mistake);
  return fits;
}

Tensor dynamicSlice(const Tensor &x, const std::vector<Tensor> &starts, const std::vector<int64_t> &sizes, Here at) {
  OpBuilding op("dynamicSlice", at, withStarts({&x}, starts));
  if (!op || !checkStarts(op, x, starts) ||
      !checkBox(op, Shape(sizes.begin(), sizes.end()), x,
                "expected sizes, one per axis, that fit into x: " + op.describe(x, "x")))
    return op.poison();
  AxisNames names = detail::namesOf(x);
  for (auto [axis, size] : llvm::enumerate(sizes))
    if (size != x.size(axis))
      names[axis].clear();
  auto box = llvm::map_to_vector(sizes, detail::largestSize);
  return op.result(graph::DynamicSliceOp::create(op.builder(), op.loc(), op[0], op.operands().drop_front(), box),
                   names);
}

Tensor dynamicUpdateSlice(const Tensor &x, const Tensor &update, const std::vector<Tensor> &starts, Here at) {
  OpBuilding op("dynamicUpdateSlice", at, withStarts({&x, &update}, starts));
  if (!op || !checkStarts(op, x, starts))
    return op.poison();
  std::string mistake =
      "expected an update of x's type that fits into it: " + op.describe(x, "x") + ", " + op.describe(update, "update");
  if (update.type() != x.type())
    return op.fail(mistake);
  if (!checkBox(op, update.shape(), x, mistake))
    return op.poison();
  return op.result(graph::DynamicUpdateSliceOp::create(op.builder(), op.loc(), op[0].getType(), op[0], op[1],
                                                       op.operands().drop_front(2)),
                   detail::namesOf(x));
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

TopK topK(const Tensor &x, int64_t k, int64_t axis, Here at) {
  OpBuilding op("topK", at, {&x});
  TopK poison{op.poison(), op.poison()};
  if (!op)
    return poison;
  std::optional<int64_t> place = op.axis(axis, x.rank(), x, "x");
  if (!place)
    return poison;
  int64_t size = detail::largestSize(x.size(*place));
  if (x.type() == ElementType::I1 || k < 0 || k > size) {
    op.fail("expected numbers, and 0 <= k <= " + Twine(size) + ", got " + Twine(k) + ": " + op.describe(x, "x"));
    return poison;
  }
  int64_t last = x.rank() - 1;
  if (*place != last) {
    TopK result = topK(moveAxes(x, *place, 1, last, at), k, last, at);
    return {moveAxes(result.values, last, 1, *place, at), moveAxes(result.indices, last, 1, *place, at)};
  }
  AxisNames names = detail::namesOf(x);
  names.back().clear();
  auto built = graph::TopKOp::create(op.builder(), op.loc(), k, op[0]);
  return {op.result(built.getValues(), names), op.result(built.getIndices(), names)};
}

} // namespace moru
