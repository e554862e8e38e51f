//===- Import.cpp - weights of other projects -----------------------------===//
// Applies the tables that lie beside the models.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Import.h"
#include "moru/DSL/Model.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

namespace moru {

static std::vector<ImportTable> &tables() {
  static std::vector<ImportTable> list;
  return list;
}

void registerImport(ImportTable table) {
  llvm::erase_if(tables(), [&](const ImportTable &known) { return known.name == table.name; });
  tables().push_back(std::move(table));
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

/// The rules with `{i}` written out, as far as their sources are there; a rule without `{i}` stays even if its source
/// is missing.
static std::vector<ImportRule> expandRules(const ImportTable &table, const std::vector<NamedTensor> &tensors) {
  std::vector<ImportRule> result;
  for (const ImportRule &rule : table.rules) {
    bool isIndexed = llvm::StringRef(rule.source).contains("{i}");
    for (int64_t index = 0; index == 0 || isIndexed; ++index) {
      ImportRule expanded = rule;
      expanded.parameter = withIndex(rule.parameter, index);
      expanded.source = withIndex(rule.source, index);
      if (index > 0 && !findTensor(tensors, expanded.source))
        break;
      result.push_back(std::move(expanded));
    }
  }
  return result;
}

/// The parameter that a rule makes of its source; nothing where the shapes do not allow it.
static std::optional<HostTensor> applyRule(const ImportRule &rule, const HostTensor &source, const Shape &shape) {
  if (source.rank() != int64_t(shape.size()) || shape.empty() || source.shape().back() != shape.back())
    return std::nullopt;
  int64_t columns = shape.back(), rows = numElements(shape) / std::max<int64_t>(columns, 1);
  int64_t sourceRows = source.numElements() / std::max<int64_t>(columns, 1);
  bool isPart = rule.rows != ImportRule::Rows::All;
  int64_t blocks = std::max<size_t>({rule.blocks.size(), rule.add.size(), 1});
  if ((isPart ? sourceRows < rows || shape.size() != 2 : source.shape() != shape) || columns % blocks != 0)
    return std::nullopt;
  HostTensor from = source.converted(ElementType::F32), result(ElementType::F32, shape);
  int64_t firstRow = rule.rows == ImportRule::Rows::Last ? sourceRows - rows : 0, width = columns / blocks;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t block = column / width, sourceBlock = rule.blocks.empty() ? block : rule.blocks[block];
      float value = from.data<float>()[(firstRow + row) * columns + sourceBlock * width + column % width];
      result.data<float>()[row * columns + column] = rule.add.empty() ? value : value + float(rule.add[block]);
    }
  return result;
}

static Result<ImportedModel> applyTable(const ImportTable &table, const std::vector<ImportRule> &rules,
                                        const std::vector<NamedTensor> &tensors, const std::string &origin) {
  ImportedModel imported{table.model, {}, {}};
  table.configure(tensors, imported.config);
  Result<std::unique_ptr<LanguageModel>> model = makeLanguageModel(table.model, imported.config);
  if (!model)
    return Failure{origin + ": " + model.message()};

  std::string problems;
  llvm::StringSet<> used;
  for (const Tensor &parameter : (*model)->parameters()) {
    auto rule = llvm::find_if(rules, [&](const ImportRule &rule) { return rule.parameter == parameter.name(); });
    if (rule == rules.end()) {
      problems += "\nparameter \"" + parameter.name() + "\": " + table.name + " has no rule for it";
      continue;
    }
    const HostTensor &source = *findTensor(tensors, rule->source);
    used.insert(rule->source);
    std::optional<HostTensor> value = applyRule(*rule, source, parameter.shape());
    if (value)
      imported.parameters.push_back({parameter.name(), std::move(*value)});
    else
      problems += "\nparameter \"" + parameter.name() + "\": expected " +
                  toString(ElementType::F32, parameter.shape()) +
                  (rule->rows == ImportRule::Rows::All ? "" : " as a part of the rows") + ", got \"" + rule->source +
                  "\" " + toString(source.type(), source.shape());
  }
  for (const NamedTensor &tensor : tensors)
    if (!used.contains(tensor.name))
      problems += "\ntensor \"" + tensor.name + "\": " + table.name + " has no use for it";
  if (!problems.empty())
    return Failure{origin + ": the weights do not fit " + table.model + ":" + problems};
  return imported;
}

Result<ImportedModel> importWeights(const std::vector<NamedTensor> &tensors, const std::string &origin) {
  std::string known;
  for (const ImportTable &table : tables()) {
    std::vector<ImportRule> rules = expandRules(table, tensors);
    if (llvm::all_of(rules, [&](const ImportRule &rule) { return findTensor(tensors, rule.source); }))
      return applyTable(table, rules, tensors, origin);
    known += (known.empty() ? "" : ", ") + table.name;
  }
  return Failure{origin + ": weights of no known kind; known: " + (known.empty() ? "none" : known)};
}

} // namespace moru
