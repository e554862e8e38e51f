//===- GradientTableTest.cpp - the table of gradient tests, tried ---------===//
// For each row f of GradientRows.h and each element type, at one point x and for one pair of directions u, v:
//   g = Jᵀv        the gradient of <f(x), v>
//   t = Ju         the gradient of <g, u> with respect to v: g is linear in v
//   s = d<g, u>/dx the gradient of the gradient
// g, t and s are compared with difference quotients that only evaluate f and g; <t, v> with <u, g>; and what machine
// code computes with the Reference. Every tolerance is computed: from steps, from roundings, from the numbers
// themselves. MORU_GRADIENT_ROW=name tries the rows whose names contain that text; MORU_GRADIENT_ALL=1 compiles each
// row of each type for both instruction sets, otherwise they take turns.
//===----------------------------------------------------------------------===//

#include "Differences.h"
#include "GradientRows.h"

#include "moru/Compiler/CompileModule.h"
#include "moru/DSL/ProgramModule.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Support/Philox.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace mlir;
using namespace moru;
using moru::test::Flat;
using Numbers = std::vector<reference::Tensor>;

namespace {

/// A comparison within more than this, for values of size one, would say nothing about a rule.
constexpr double kLoosest = 1e-6;

/// The Reference computes in f64 whatever the type is; what is rounded to the type are the constants of a rule, of
/// which the differences know nothing: no rule has more than four.
double roundingOfConstants(ElementType type) {
  constexpr double kConstants = 4;
  return type == ElementType::F64   ? 0
         : type == ElementType::F32 ? kConstants * reference::kRoundoffF32
                                    : kConstants * reference::kRoundoffBF16;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// The entries of all arguments of a row, in a mixed order, at distances of (high - low) / n: no two are nearly equal,
/// and with an even n none is nearly in the middle. All are numbers of every element type.
class Draw {
public:
  Draw(const test::GradientRow &row, uint64_t seed) : seed(seed) {
    for (const test::RowInput &input : row.inputs)
      count += input.range ? 0 : numElements(input.shape);
    count += count % 2;
    order.resize(count);
    std::iota(order.begin(), order.end(), 0);
    for (int64_t i = count - 1; i > 0; --i)
      std::swap(order[i], order[philoxBits(seed, 1, 0, i) % (i + 1)]);
  }

  void fill(reference::Tensor &tensor, const test::RowInput &input) {
    for (int64_t i = 0; i != tensor.size(); ++i)
      if (input.range)
        tensor.set(i, (2 * i + 1) % input.range);
      else
        tensor.set(i, input.low + (input.high - input.low) * (order[next++] + 0.5) / count);
    roundToBF16(tensor);
  }
  /// Numbers in (-1, 1).
  void fillDirection(reference::Tensor &tensor) {
    for (double &entry : tensor.floats)
      entry = 2 * philoxUniform(seed, 2, 0, next++) - 1;
    roundToBF16(tensor);
  }

private:
  static void roundToBF16(reference::Tensor &tensor) {
    for (double &entry : tensor.floats)
      entry = BFloat16::fromFloat(static_cast<float>(entry)).toFloat();
  }
  uint64_t seed;
  int64_t count = 0, next = 0;
  std::vector<int64_t> order;
};

/// A sum of products, one side exact, with its error in f64.
struct Sum {
  double value = 0, error = 0;
  void add(double exact, double other, double errorOfOther) {
    value += exact * other;
    error += std::abs(exact) * errorOfOther + 2 * reference::kRoundoffF64 * (std::abs(exact * other) + std::abs(value));
  }
};

//===----------------------------------------------------------------------===//
// Rows as programs
//===----------------------------------------------------------------------===//

/// Names of the functions of one row.
std::string nameOf(const char *what, size_t row) { return what + std::to_string(row); }

/// The rows of one element type as one program: of each row the functions f, g and all (g, t and s).
class Table : public ::testing::Test {
protected:
  void trace(ElementType type, llvm::function_ref<bool(size_t)> skips = nullptr) {
    const char *wanted = std::getenv("MORU_GRADIENT_ROW");
    size_t number = 0;
    for (const test::GradientRow &row : test::gradientRows()) {
      if (wanted && row.name.find(wanted) == std::string::npos)
        continue;
      if (skips && skips(number++))
        continue;
      size_t index = rows.size();
      rows.push_back(row);
      for (const char *what : {"f", "g", "all"})
        EXPECT_TRUE(program.function(nameOf(what, index), [&](Function &f) { traceRow(f, row, type, what); }))
            << row.name << ": " << program.errorText();
    }
  }

  static void traceRow(Function &f, const test::GradientRow &row, ElementType type, StringRef what) {
    std::vector<Tensor> x, targets, v, u;
    for (const test::RowInput &input : row.inputs) {
      Dims dims(input.shape.begin(), input.shape.end());
      x.push_back(f.input({input.range ? ElementType::I32 : type, dims, {}}));
      if (!input.range)
        targets.push_back(x.back());
    }
    test::Results y = row.body(x);
    if (what == "f")
      return addOutputs(f, "y", y.values);
    std::vector<Tensor> g = gradient(inner(f, y.values, v), targets);
    addOutputs(f, "g", g);
    if (what == "g")
      return;
    Tensor product = inner(f, g, u);
    addOutputs(f, "t", gradient(product, v));
    addOutputs(f, "s", gradient(product, targets));
  }

  static void addOutputs(Function &f, const std::string &name, const std::vector<Tensor> &values) {
    for (const Tensor &value : values)
      f.output(name + std::to_string(&value - values.data()), value);
  }

  /// <values, directions>, a direction for each value a new argument.
  static Tensor inner(Function &f, const std::vector<Tensor> &values, std::vector<Tensor> &directions) {
    Tensor total = zeros({}, ElementType::F64);
    for (const Tensor &value : values) {
      directions.push_back(f.input({value.type(), value.dims(), {}}));
      total = total + convert(sum(value * directions.back()), ElementType::F64);
    }
    return total;
  }

  func::FuncOp function(const char *what, size_t row) { return module.lookupSymbol<func::FuncOp>(nameOf(what, row)); }

  /// Expands the gradients of all functions, once.
  void expand() {
    module = moduleOf(program);
    shareRandomNumbers();
    PassManager manager(module.getContext());
    populateGraphToGradient(manager, {});
    ASSERT_TRUE(succeeded(manager.run(module)));
  }

  /// Each draw has a stream of its own, in each function: now one in f, g and all.
  void shareRandomNumbers() {
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      int64_t stream = 0;
      function.walk([&](Operation *op) {
        if (auto number = op->getAttrOfType<IntegerAttr>("stream"))
          op->setAttr("stream", IntegerAttr::get(number.getType(), stream++));
      });
    }
  }

  /// x, then v, then u, as many as the function takes.
  Numbers draw(func::FuncOp function, const test::GradientRow &row) {
    Draw numbers(row, 5);
    Numbers arguments;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      arguments.emplace_back(cast<RankedTensorType>(type));
      if (index < row.inputs.size())
        numbers.fill(arguments.back(), row.inputs[index]);
      else
        numbers.fillDirection(arguments.back());
    }
    return arguments;
  }

  static Numbers evaluate(func::FuncOp function, ArrayRef<reference::Tensor> arguments, reference::Bounds bounds) {
    reference::EvaluateOptions options;
    options.bounds = bounds;
    auto results = reference::evaluate(function, arguments, options);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? Numbers(results->begin(), results->end()) : Numbers();
  }

  Program program;
  ModuleOp module;
  std::vector<test::GradientRow> rows;
};

//===----------------------------------------------------------------------===//
// Derivatives
//===----------------------------------------------------------------------===//

/// d result / d argument for all entries, by differences; `columns[i]` belongs to entry i of the arguments.
using Jacobian = std::vector<Flat>;

class Derivatives : public Table, public ::testing::WithParamInterface<ElementType> {
protected:
  Jacobian differentiate(func::FuncOp function, Numbers arguments, size_t count) {
    Jacobian columns;
    for (reference::Tensor &argument : llvm::MutableArrayRef(arguments).take_front(count))
      for (double &entry : argument.floats) {
        const double at = entry;
        columns.push_back(test::differentiate([&](double step) {
          entry = at + step;
          return Flat(evaluate(function, arguments, reference::Bounds::Double));
        }));
        entry = at;
      }
    return columns;
  }

  /// `got` is what the rules say, `expected` what the differences say.
  void compare(const std::string &what, const Flat &got, const std::vector<Sum> &expected) {
    ASSERT_EQ(got.size(), expected.size()) << what;
    double size = 1;
    for (const Sum &sum : expected)
      size = std::max(size, std::abs(sum.value));
    for (size_t i = 0; i != got.size(); ++i) {
      double tolerance = expected[i].error + reference::kSecondOrder * got.errors[i];
      ASSERT_LE(tolerance, kLoosest * size) << what << ", entry " << i << ": the differences say nothing";
      tolerance += roundingOfConstants(GetParam()) * size;
      EXPECT_LE(std::abs(got.values[i] - expected[i].value), tolerance)
          << what << ", entry " << i << ": expected " << expected[i].value << " by differences, got " << got.values[i];
      ++comparisons;
    }
  }

  void checkRow(size_t index) {
    const test::GradientRow &row = rows[index];
    func::FuncOp f = function("f", index), g = function("g", index), all = function("all", index);
    size_t numX = row.inputs.size(), numV = f.getNumResults(), numG = g.getNumResults();
    Numbers arguments = draw(all, row);
    ArrayRef<reference::Tensor> x = ArrayRef(arguments).take_front(numX),
                                xv = ArrayRef(arguments).take_front(numX + numV);
    Flat v(xv.drop_front(numX)), u(ArrayRef(arguments).drop_front(numX + numV));

    Numbers results = evaluate(all, arguments, reference::Bounds::Double);
    ASSERT_EQ(results.size(), numG + numV + numG) << row.name;
    Flat byRules(ArrayRef(results).take_front(numG)), t(ArrayRef(results).slice(numG, numV)),
        s(ArrayRef(results).take_back(numG));

    Jacobian ofF = differentiate(f, Numbers(x.begin(), x.end()), numX);
    Jacobian ofG = differentiate(g, Numbers(xv.begin(), xv.end()), numX);
    std::vector<Sum> transposed(u.size()), forward(v.size()), second(u.size());
    for (size_t in = 0; in != u.size(); ++in) {
      for (size_t out = 0; out != v.size(); ++out) {
        transposed[in].add(v.values[out], ofF[in].values[out], ofF[in].errors[out]);
        forward[out].add(u.values[in], ofF[in].values[out], ofF[in].errors[out]);
      }
      for (size_t out = 0; out != u.size(); ++out)
        second[in].add(u.values[out], ofG[in].values[out], ofG[in].errors[out]);
    }
    compare(row.name + ": gradient", byRules, transposed);
    compare(row.name + ": Ju", t, forward);
    compare(row.name + ": second derivative", s, second);
    checkDotProduct(row.name, u, byRules, v, t);
  }

  /// <Ju, v> = <u, Jᵀv>.
  static void checkDotProduct(const std::string &name, const Flat &u, const Flat &g, const Flat &v, const Flat &t) {
    Sum left, right;
    for (size_t i = 0; i != v.size(); ++i)
      left.add(v.values[i], t.values[i], t.errors[i]);
    for (size_t i = 0; i != u.size(); ++i)
      right.add(u.values[i], g.values[i], g.errors[i]);
    EXPECT_LE(std::abs(left.value - right.value), reference::kSecondOrder * (left.error + right.error))
        << name << ": <Ju, v> is " << left.value << ", <u, Jᵀv> is " << right.value;
  }

  int64_t comparisons = 0;
};

TEST_P(Derivatives, AreThoseOfDifferences) {
  trace(GetParam());
  expand();
  for (size_t index = 0; index != rows.size(); ++index)
    checkRow(index);
  RecordProperty("comparisons", static_cast<int>(comparisons));
}

INSTANTIATE_TEST_SUITE_P(GradientTable, Derivatives,
                         ::testing::Values(ElementType::F32, ElementType::F64, ElementType::BF16),
                         [](const auto &info) { return std::string(toString(info.param)); });

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

class MachineCode : public Table, public ::testing::WithParamInterface<std::tuple<ElementType, const char *>> {
protected:
  /// The functions called "all", without the others.
  void keepOnlyAll() {
    module = moduleOf(program);
    for (func::FuncOp function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (!function.getName().starts_with("all"))
        function.erase();
  }

  void checkRow(Executable &executable, size_t index) {
    const test::GradientRow &row = rows[index];
    func::FuncOp all = function("all", index);
    Numbers arguments = draw(all, row);
    Numbers expected = evaluate(all, arguments, reference::Bounds::Declared);
    std::vector<HostTensor> inputs;
    for (const reference::Tensor &argument : arguments)
      inputs.push_back(reference::toHost(argument));
    std::vector<const HostTensor *> pointers;
    for (const HostTensor &input : inputs)
      pointers.push_back(&input);
    Outputs outputs = executable.run(nameOf("all", index), pointers);
    ASSERT_TRUE(outputs) << row.name << ": " << outputs.message();
    for (auto [number, tensor] : llvm::enumerate(expected)) {
      const HostTensor *result = outputs.find(number);
      ASSERT_TRUE(result);
      compare(row.name + ": " + all.getResultAttrOfType<StringAttr>(number, graph::GraphDialect::kNameAttr).str(),
              tensor, reference::fromHost(*result, tensor.type));
    }
  }

  void compare(const std::string &what, const reference::Tensor &expected, const reference::Tensor &got) {
    for (int64_t i = 0; i != expected.size(); ++i) {
      double tolerance = reference::kSecondOrder * expected.bound(i);
      ++entries;
      undecided += !std::isfinite(tolerance);
      EXPECT_FALSE(std::isnan(got.at(i))) << what << reference::indexToString(expected.shape(), i);
      EXPECT_LE(std::abs(expected.at(i) - got.at(i)), tolerance)
          << what << reference::indexToString(expected.shape(), i) << ": expected " << expected.at(i) << ", got "
          << got.at(i);
    }
  }

  int64_t entries = 0, undecided = 0;
};

/// Compiling all rows for each type and target takes minutes: where LLVM is slow, every so many rows are compiled.
size_t countTurns(ElementType type, const Target &target) {
  if (type == ElementType::F32)
    return target.vectorBits == 512 ? 1 : 3;
  return type == ElementType::F64 ? 4 : 6;
}

TEST_P(MachineCode, ComputesWhatTheReferenceComputes) {
  auto [type, targetName] = GetParam();
  Result<Target> target = Target::parse(targetName);
  ASSERT_TRUE(target) << target.message();
  if (!target->missingOnHost().empty())
    GTEST_SKIP() << "this machine lacks " << target->missingOnHost().front();
  size_t turns = std::getenv("MORU_GRADIENT_ALL") ? 1 : countTurns(type, *target);
  size_t turn = target->vectorBits == 512 ? 0 : turns / 2;
  trace(type, [&](size_t row) { return row % turns != turn; });
  keepOnlyAll();
  CompileOptions options;
  options.target = *target;
  options.cache = false;
  options.threads = 1;
  llvm::Expected<Executable> executable = compileModule(module, options);
  ASSERT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
  for (size_t index = 0; index != rows.size(); ++index)
    checkRow(*executable, index);
  RecordProperty("entries", static_cast<int>(entries));
  EXPECT_LE(undecided, entries / 100) << "of " << entries << " entries";
}

INSTANTIATE_TEST_SUITE_P(GradientTable, MachineCode,
                         ::testing::Combine(::testing::Values(ElementType::F32, ElementType::F64, ElementType::BF16),
                                            ::testing::Values("x86-64-v4", "x86-64-v3")),
                         [](const auto &info) {
                           bool is512 = StringRef(std::get<1>(info.param)).ends_with("v4");
                           return std::string(toString(std::get<0>(info.param))) + (is512 ? "Avx512" : "Avx2");
                         });

//===----------------------------------------------------------------------===//
// Completeness
//===----------------------------------------------------------------------===//

using GradientTable = Table;

TEST_F(GradientTable, HasARowForEveryRule) {
  trace(ElementType::F32);
  expand(); // Some operations come from rules.
  llvm::StringSet<> used;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function.getName().starts_with("f") || function.getName().starts_with("g"))
      function.walk([&](Operation *op) { used.insert(op->getName().getStringRef()); });
  for (RegisteredOperationName name : module.getContext()->getRegisteredOperations())
    if (name.hasInterface<graph::DifferentiableOpInterface>() || name.hasInterface<graph::DecomposableOpInterface>())
      EXPECT_TRUE(used.contains(name.getStringRef())) << name.getStringRef().str() << " has no row in GradientRows.h";
}

} // namespace
