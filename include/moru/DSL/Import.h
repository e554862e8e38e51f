// Weights of other projects. Beside a model lies a table that says which foreign tensor, or which part of one, becomes
// which parameter; a folder of weights is recognized by the names in it.

#ifndef MORU_DSL_IMPORT_H
#define MORU_DSL_IMPORT_H

#include "moru/DSL/Config.h"
#include "moru/Support/HostTensor.h"
#include "moru/Support/Result.h"

#include <functional>
#include <string>
#include <vector>

namespace moru {

/// One line of a table. `{i}` in both names stands for 0, 1, … as far as the foreign file goes.
struct ImportRule {
  enum class Rows : uint8_t { All, First, Last };

  std::string parameter, source;
  /// Which rows of the source, as many as the parameter has: of a kernel that multiplies [x ; h], the first and the
  /// last.
  Rows rows = Rows::All;
  /// The last axis is cut into as many equal blocks; block k of the parameter is block `blocks[k]` of the source.
  /// Empty: as it is.
  std::vector<int> blocks = {};
  /// Added to each block of the parameter; empty: nothing.
  std::vector<double> add = {};
};

/// What is known of one kind of foreign file.
struct ImportTable {
  /// Whose files these are, for messages.
  std::string name;
  /// The registered model that they become.
  std::string model;
  /// Works out the configuration from the shapes. All sources of the rules are there.
  std::function<void(const std::vector<NamedTensor> &tensors, Config &config)> configure;
  std::vector<ImportRule> rules;
};

/// A foreign model in our names.
struct ImportedModel {
  std::string model;
  Config config;
  /// In the order of the model's parameters.
  std::vector<NamedTensor> parameters;
};

/// Makes a table known; one of the same name is replaced.
void registerImport(ImportTable table);

/// Finds the table whose sources are all there and applies it. Fails where none fits, where a tensor is left over, and
/// where shapes do not fit the model; `origin` names the file in messages.
Result<ImportedModel> importWeights(const std::vector<NamedTensor> &tensors, const std::string &origin);

/// The tensor of that name, or null.
const HostTensor *findTensor(const std::vector<NamedTensor> &tensors, const std::string &name);

} // namespace moru

#endif // MORU_DSL_IMPORT_H
