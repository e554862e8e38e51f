//===- Import.cpp - weights of other projects -----------------------------===//
// Applies the tables that lie beside the models.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Import.h"
#include "moru/DSL/Model.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <algorithm>

namespace moru {

static std::vector<ImportTable> &tables() {
  static std::vector<ImportTable> list;
  return list;
}

void registerImport(ImportTable table) {
  llvm::erase_if(tables(), [&](const ImportTable &known) { return known.name == table.name; });
  tables().push_back(std::move(table));
}

static std::vector<ExportTable> &exportTables() {
  static std::vector<ExportTable> list;
  return list;
}

void registerExport(ExportTable table) {
  llvm::erase_if(exportTables(), [&](const ExportTable &known) { return known.model == table.model; });
  exportTables().push_back(std::move(table));
}

const ExportTable *findExport(const std::string &model) {
  for (const ExportTable &table : exportTables())
    if (table.model == model)
      return &table;
  return nullptr;
}

const HostTensor *findTensor(const std::vector<NamedTensor> &tensors, const std::string &name) {
  for (const NamedTensor &tensor : tensors)
    if (tensor.name == name)
      return &tensor.tensor;
  return nullptr;
}

static std::string withIndex(llvm::StringRef name, int64_t index) {
  auto [before, after] = name.split("{i}");
  return (before + (name.contains("{i}") ? std::to_string(index) : "") + after).str();
}

/// How often a rule with {i} applies: as far as its sources, or the entries of its source, go; at least once, so that a
/// missing source is noticed.
static int64_t countOf(const ImportRule &rule, const std::vector<NamedTensor> &tensors) {
  if (rule.stacked) {
    const HostTensor *source = findTensor(tensors, rule.source);
    return source && source->rank() > 0 ? source->dim(0) : 1;
  }
  if (!llvm::StringRef(rule.source).contains("{i}"))
    return 1;
  int64_t count = 1;
  while (findTensor(tensors, withIndex(rule.source, count)))
    ++count;
  return count;
}

namespace {
/// A rule with {i} written out.
struct ExpandedRule {
  ImportRule rule;
  int64_t index;
};
} // namespace

static std::vector<ExpandedRule> expandRules(const ImportTable &table, const std::vector<NamedTensor> &tensors) {
  std::vector<ExpandedRule> result;
  for (const ImportRule &rule : table.rules)
    for (int64_t index = 0, count = countOf(rule, tensors); index < count; ++index) {
      ImportRule expanded = rule;
      expanded.parameter = withIndex(rule.parameter, index);
      expanded.source = withIndex(rule.source, index);
      expanded.plus = withIndex(rule.plus, index);
      result.push_back({std::move(expanded), index});
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Parts of tensors
//===----------------------------------------------------------------------===//

static HostTensor entryOf(const HostTensor &tensor, int64_t index) {
  Shape shape(tensor.shape().begin() + 1, tensor.shape().end());
  int64_t count = numElements(shape);
  return HostTensor::fromBytes(ElementType::F32, shape, tensor.data<float>() + index * count);
}

static HostTensor transposedOf(const HostTensor &tensor) {
  int64_t rows = tensor.dim(0), columns = tensor.dim(1);
  HostTensor result(ElementType::F32, {columns, rows});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result.data<float>()[j * rows + i] = tensor.data<float>()[i * columns + j];
  return result;
}

/// Columns `begin` to `begin + count` of the last axis.
static HostTensor columnsOf(const HostTensor &tensor, int64_t begin, int64_t count) {
  Shape shape = tensor.shape();
  int64_t columns = shape.back(), rows = tensor.numElements() / std::max<int64_t>(columns, 1);
  shape.back() = count;
  HostTensor result(ElementType::F32, shape);
  for (int64_t row = 0; row < rows; ++row)
    std::copy_n(tensor.data<float>() + row * columns + begin, count, result.data<float>() + row * count);
  return result;
}

static HostTensor rowsOf(const HostTensor &tensor, int64_t begin, int64_t count) {
  int64_t columns = tensor.dim(1);
  return HostTensor::fromBytes(ElementType::F32, {count, columns}, tensor.data<float>() + begin * columns);
}

HostTensor reorderRows(const HostTensor &tensor, const std::vector<int32_t> &order, double missing) {
  HostTensor from = tensor.converted(ElementType::F32);
  Shape shape = tensor.shape();
  int64_t width = shape[0] ? from.numElements() / shape[0] : 0;
  shape[0] = int64_t(order.size());
  HostTensor result = HostTensor::full<float>(shape, float(missing));
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] >= 0)
      std::copy_n(from.data<float>() + order[i] * width, width, result.data<float>() + int64_t(i) * width);
  return result;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

/// The part of a source that a rule means, with as many rows as `shape` has; nothing where the source has another form.
static std::optional<HostTensor> selectPart(const ExpandedRule &expanded, const HostTensor &source,
                                            const Shape &shape) {
  const ImportRule &rule = expanded.rule;
  HostTensor value = source.converted(ElementType::F32);
  if (rule.stacked) {
    if (value.rank() < 2 || expanded.index >= value.dim(0))
      return std::nullopt;
    value = entryOf(value, expanded.index);
  }
  if (value.rank() != int64_t(shape.size()) || shape.empty())
    return std::nullopt;
  if (rule.transposed) {
    if (value.rank() != 2)
      return std::nullopt;
    value = transposedOf(value);
  }
  if (rule.rows != ImportRule::Rows::All) {
    if (value.rank() != 2 || value.dim(0) < shape[0])
      return std::nullopt;
    value = rowsOf(value, rule.rows == ImportRule::Rows::Last ? value.dim(0) - shape[0] : 0, shape[0]);
  }
  if (rule.parts > 1) {
    int64_t width = value.shape().back() / rule.parts;
    if (width * rule.parts != value.shape().back())
      return std::nullopt;
    value = columnsOf(value, rule.part * width, width);
  }
  if (value.shape() != shape)
    return std::nullopt;
  return value;
}

/// The parameter that a rule makes of its source; nothing where the shapes do not allow it.
static std::optional<HostTensor> applyRule(const ExpandedRule &expanded, const HostTensor &source, const Shape &shape) {
  const ImportRule &rule = expanded.rule;
  std::optional<HostTensor> part = selectPart(expanded, source, shape);
  int64_t blocks = std::max<size_t>({rule.blocks.size(), rule.add.size(), 1});
  if (!part || shape.back() % blocks != 0)
    return std::nullopt;
  int64_t columns = shape.back(), width = columns / blocks;
  HostTensor result(ElementType::F32, shape);
  for (int64_t i = 0; i < result.numElements(); ++i) {
    int64_t column = i % columns, block = column / width;
    int64_t sourceBlock = rule.blocks.empty() ? block : rule.blocks[block];
    float value = part->data<float>()[i - column + sourceBlock * width + column % width];
    result.data<float>()[i] = rule.add.empty() ? value : value + float(rule.add[block]);
  }
  return result;
}

/// The parameter of a rule with all its sources.
static std::optional<HostTensor> makeParameter(const ExpandedRule &expanded, const std::vector<NamedTensor> &tensors,
                                               const Shape &shape) {
  const ImportRule &rule = expanded.rule;
  std::optional<HostTensor> value = applyRule(expanded, *findTensor(tensors, rule.source), shape);
  const HostTensor *more = rule.plus.empty() ? nullptr : findTensor(tensors, rule.plus);
  if (!value || rule.plus.empty())
    return value;
  ExpandedRule withoutAdding = expanded;
  withoutAdding.rule.add.clear();
  std::optional<HostTensor> other = more ? applyRule(withoutAdding, *more, shape) : std::nullopt;
  if (!other)
    return std::nullopt;
  for (int64_t i = 0; i < value->numElements(); ++i)
    value->data<float>()[i] += other->data<float>()[i];
  return value;
}

Result<ImportedModel> importWeights(const ImportTable &table, const std::vector<NamedTensor> &tensors,
                                    const std::string &origin, Config foreign) {
  ImportedModel imported{table.model, {}, {}};
  table.configure(tensors, imported.config);
  if (table.readConfig)
    if (Result<void> read = table.readConfig(foreign, imported.config); !read)
      return Failure{origin + ": " + read.message()};
  Result<std::unique_ptr<Model>> model = makeModel(table.model, imported.config);
  if (!model)
    return Failure{origin + ": " + model.message()};

  std::string problems;
  llvm::StringSet<> used;
  std::vector<ExpandedRule> rules = expandRules(table, tensors);
  for (const Tensor &parameter : (*model)->parameters()) {
    auto expanded =
        llvm::find_if(rules, [&](const ExpandedRule &one) { return one.rule.parameter == parameter.name(); });
    if (expanded == rules.end()) {
      problems += "\nparameter \"" + parameter.name() + "\": " + table.name + " has no rule for it";
      continue;
    }
    const ImportRule &rule = expanded->rule;
    used.insert(rule.source);
    used.insert(rule.plus);
    const HostTensor &source = *findTensor(tensors, rule.source);
    if (std::optional<HostTensor> value = makeParameter(*expanded, tensors, parameter.shape()))
      imported.parameters.push_back({parameter.name(), std::move(*value)});
    else
      problems += "\nparameter \"" + parameter.name() + "\": expected " +
                  toString(ElementType::F32, parameter.shape()) +
                  (rule.rows == ImportRule::Rows::All ? "" : " as a part of the rows") + ", got \"" + rule.source +
                  "\" " + toString(source.type(), source.shape());
  }
  for (const NamedTensor &tensor : tensors)
    if (!used.contains(tensor.name))
      problems += "\ntensor \"" + tensor.name + "\": " + table.name + " has no use for it";
  if (!problems.empty())
    return Failure{origin + ": the weights do not fit " + table.model + ":" + problems};
  return imported;
}

/// The names after a prefix, for looking up which there are.
static std::vector<NamedTensor> namesAfter(const std::string &prefix, const std::vector<NamedTensor> &tensors) {
  std::vector<NamedTensor> names;
  for (const NamedTensor &tensor : tensors) {
    llvm::StringRef name = tensor.name;
    name.consume_front(prefix);
    names.push_back({name.str(), HostTensor()});
  }
  return names;
}

static bool fits(const ImportTable &table, const std::vector<NamedTensor> &tensors) {
  return llvm::all_of(expandRules(table, tensors),
                      [&](const ExpandedRule &one) { return findTensor(tensors, one.rule.source); });
}

void prepareTensors(const ImportTable &table, std::vector<NamedTensor> &tensors) {
  for (NamedTensor &tensor : tensors)
    if (llvm::StringRef name = tensor.name; !table.prefix.empty() && name.consume_front(table.prefix))
      tensor.name = name.str();
  llvm::erase_if(tensors, [&](const NamedTensor &tensor) {
    return llvm::any_of(table.useless, [&](llvm::StringRef pattern) {
      auto [before, after] = pattern.split("{i}");
      llvm::StringRef name = tensor.name;
      if (!pattern.contains("{i}"))
        return name == pattern;
      return name.consume_front(before) && name.consume_back(after) && !name.empty() &&
             name.find_first_not_of("0123456789") == llvm::StringRef::npos;
    });
  });
}

Result<const ImportTable *> findImport(const std::vector<NamedTensor> &tensors, const std::string &origin) {
  std::string known;
  for (const ImportTable &table : tables()) {
    if (table.prefix.empty() ? fits(table, tensors) : fits(table, namesAfter(table.prefix, tensors)))
      return &table;
    known += (known.empty() ? "" : ", ") + table.name;
  }
  return Failure{origin + ": weights of no known kind; known: " + (known.empty() ? "none" : known)};
}

Result<ImportedModel> importWeights(const std::vector<NamedTensor> &tensors, const std::string &origin) {
  Result<const ImportTable *> table = findImport(tensors, origin);
  if (!table)
    return table.failure();
  return importWeights(**table, tensors, origin);
}

} // namespace moru
