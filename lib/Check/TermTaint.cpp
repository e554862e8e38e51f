//===- TermTaint.cpp - numbers that are NaN where others are not finite -----------===//
// "x - x" is 0 where x is finite, and NaN elsewhere: a value and its sources, of which this can be said, in one term.
// What is computed of it by operations that give NaN for NaN is of the same kind.
//===----------------------------------------------------------------------===//

#include "Terms.h"

using namespace mlir;
using namespace moru;
using namespace moru::check;

static constexpr llvm::StringLiteral kTaint = "taint";

bool Terms::isTainted(Term term) const { return isFunction(term, kTaint); }

Term Terms::untaint(Term term, SmallVectorImpl<Term> &sources) const {
  if (!isTainted(term))
    return term;
  ArrayRef<Term> operands = nodes[term].operands;
  sources.append(operands.begin() + 1, operands.end());
  return operands.front();
}

Term Terms::applyTaint(Term value, ArrayRef<Term> sources) {
  SmallVector<Term> operands, inner;
  value = untaint(value, operands);
  for (Term source : sources) {
    // It is not finite where its value or one of its sources is not.
    inner.clear();
    Term own = untaint(source, inner);
    llvm::append_range(operands, inner);
    if (!isConstant(own) || !std::isfinite(numberOf(own)))
      operands.push_back(own);
  }
  llvm::sort(operands);
  operands.erase(llvm::unique(operands), operands.end());
  if (operands.empty() || (isConstant(value) && std::isnan(numberOf(value))))
    return value;
  TermRange range = nodes[value].range;
  operands.insert(operands.begin(), value);
  return apply(kTaint, operands, {range.low, range.high, /*isNumber=*/false});
}

/// Whether an operation gives NaN wherever one of its operands is NaN.
static bool keepsNaN(Operation *op) {
  return isa<graph::AddOp, graph::SubOp, graph::MulOp, graph::DivOp, graph::NegOp, graph::AbsOp, graph::ExpOp,
             graph::LogOp, graph::Log1pOp, graph::TanhOp, graph::SigmoidOp, graph::ErfOp, graph::SqrtOp, graph::RsqrtOp,
             graph::SinOp, graph::CosOp, graph::MaximumOp, graph::MinimumOp, graph::ConvertOp>(op) &&
         llvm::all_of(op->getOperandTypes(), [](Type type) { return isa<FloatType>(getElementTypeOrSelf(type)); }) &&
         isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
}

std::optional<Term> Terms::applyToTainted(Operation *op, ArrayRef<Term> operands) {
  if (!keepsNaN(op) || llvm::none_of(operands, [&](Term term) { return isTainted(term); }))
    return std::nullopt;
  SmallVector<Term> values, sources;
  for (Term term : operands)
    values.push_back(untaint(term, sources));
  return applyTaint(applyElementwise(op, values), sources);
}
