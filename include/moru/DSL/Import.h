// Weights of other projects. Beside a model lies a table that says which foreign tensor, or which part of one, becomes
// which parameter, and where its tokens are; a folder of weights is recognized by the names in it. Another table says
// how a model of ours is written for others.

#ifndef MORU_DSL_IMPORT_H
#define MORU_DSL_IMPORT_H

#include "moru/DSL/Config.h"
#include "moru/Support/HostTensor.h"
#include "moru/Support/Result.h"

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace moru {

/// One line of a table. `{i}` in both names stands for 0, 1, … as far as the foreign file goes. What is said of the
/// source is done in the order of the fields.
struct ImportRule {
  enum class Rows : uint8_t { All, First, Last };

  std::string parameter, source;
  /// The source has one more axis before the others, of which entry {i} is meant; its name has no {i} then.
  bool stacked = false;
  /// The source is stored as [out, in].
  bool transposed = false;
  /// Which rows of the source, as many as the parameter has: of a kernel that multiplies [x ; h], the first and the
  /// last.
  Rows rows = Rows::All;
  /// The last axis is cut into `parts` equal parts, of which this one is meant: of queries, keys and values side by
  /// side.
  int part = 0, parts = 1;
  /// The last axis is cut into as many equal blocks; block k of the parameter is block `blocks[k]` of the source.
  /// Empty: as it is.
  std::vector<int> blocks = {};
  /// Added to each block of the parameter; empty: nothing.
  std::vector<double> add = {};
  /// Another source, of which the same is made and added; empty: none.
  std::string plus = {};
};

/// Where the tokens of a foreign model are. Its special ones become our first four ids, the others follow in their
/// order, and the rows of its tensors follow them.
struct ImportVocabulary {
  enum class Format : uint8_t {
    /// `{"a": 4, …}`: characters and their ids; no special ones, and ids stay.
    CharacterIds,
    /// A JSON list of tokens, of an object under `key`.
    JsonList,
    /// A token a line.
    Lines,
    /// llama2.c's file of scores and pieces.
    ScoredPieces,
  };
  enum class Unit : uint8_t { Characters, Words, Pieces };

  std::string file;
  Format format;
  Unit unit = Unit::Characters;
  std::string key = {};
  /// What <PAD>, <UNK>, <SOS> and <EOS> are called; empty: the model has none.
  std::array<std::string, 4> special = {};
  /// Tensors whose first axis is ids, and what a token that the model lacks gets: 0 for an embedding; for a bias of the
  /// output so little that nothing ever chooses it.
  std::vector<std::pair<std::string, double>> tensors = {};
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
  /// None; one; or one of the source and one of the target.
  std::vector<ImportVocabulary> vocabularies = {};
  /// What the foreign names may begin with; rules leave it out.
  std::string prefix = {};
  /// Foreign tensors that have no use, {i} standing for any number.
  std::vector<std::string> useless = {};
  /// What shapes do not say, from the plain entries of the folder's config.json; fails for what the model lacks. Where
  /// this is set there is to be such a file.
  std::function<Result<void>(Config &foreign, Config &config)> readConfig = nullptr;
  /// The folder may hold files of a tokenizer as they are read everywhere.
  bool hasTokenizer = false;
};

/// The bias of an output that is never chosen: e to the power of it is 0.
constexpr double kNeverChosen = -1e9;

/// A foreign model in our names.
struct ImportedModel {
  std::string model;
  Config config;
  /// In the order of the model's parameters.
  std::vector<NamedTensor> parameters;
};

/// Makes a table known; one of the same name is replaced.
void registerImport(ImportTable table);

/// Takes from the names of tensors what they begin with by the table, and drops those that it has no use for.
void prepareTensors(const ImportTable &table, std::vector<NamedTensor> &tensors);

/// The table whose sources are all there; fails where none fits. `origin` names the file in messages.
Result<const ImportTable *> findImport(const std::vector<NamedTensor> &tensors, const std::string &origin);

/// Rows of a tensor in another order: row i of the result is row `order[i]`, or `missing` where that is negative.
HostTensor reorderRows(const HostTensor &tensor, const std::vector<int32_t> &order, double missing);

/// Applies a table to prepared tensors. Fails where one is left over, and where shapes do not fit the model. `foreign`
/// has the plain entries of config.json.
Result<ImportedModel> importWeights(const ImportTable &table, const std::vector<NamedTensor> &tensors,
                                    const std::string &origin, Config foreign = {});
/// The same with the table that fits.
Result<ImportedModel> importWeights(const std::vector<NamedTensor> &tensors, const std::string &origin);

/// The tensor of that name, or null.
const HostTensor *findTensor(const std::vector<NamedTensor> &tensors, const std::string &name);

/// How a model is written for others: its tensors as they are, under their names after a prefix.
struct ExportTable {
  /// Whose format it is, for messages.
  std::string name;
  /// The registered model.
  std::string model;
  std::string prefix;
  /// The text of config.json; fails where the format has no model of this configuration.
  std::function<Result<std::string>(Config &config)> configuration;
};

/// Makes a format known; one of the same model is replaced.
void registerExport(ExportTable table);
/// The format that others have for a model, or null.
const ExportTable *findExport(const std::string &model);

} // namespace moru

#endif // MORU_DSL_IMPORT_H
