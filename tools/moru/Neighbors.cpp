// moru neighbors: which words a model takes for alike.

#include "Command.h"
#include "Options.h"

#include "moru/Report/Charts.h"
#include "moru/Report/Neighbors.h"
#include "moru/Report/Page.h"
#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/Embeddings.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
Compares the embeddings of a model by the cosine between them.

EXAMPLES:

  moru neighbors out/book sea
  moru neighbors out/fra-eng house --side=target --count=20 --map=out/map.html
)";

namespace {

class NeighborsCommand : public Command {
public:
  NeighborsCommand() : Command("neighbors", "List the words whose embeddings are nearest", kExamples), plugins(sub) {}
  Error run() override;

private:
  Expected<int32_t> idOfWord(const Tokenizer &tokenizer) const;
  Expected<std::string> findParameter(const Checkpoint &checkpoint) const;
  Expected<const NamedTensor *> findTable(const Checkpoint &checkpoint, const Tokenizer &tokenizer) const;
  void print(const Tokenizer &tokenizer, ArrayRef<Neighbor> found) const;
  Error writeMap(const Tokenizer &tokenizer, const NamedTensor &table, int64_t id, ArrayRef<Neighbor> found) const;

  PluginOptions plugins;
  cl::opt<std::string> checkpoint{cl::Positional, cl::Required, cl::desc("<checkpoint>"), cl::sub(sub)};
  cl::opt<std::string> word{cl::Positional, cl::Required, cl::desc("<word>"), cl::sub(sub)};
  cl::opt<std::string> side{"side", cl::desc("Of pairs: source (default) or target"), cl::value_desc("name"),
                            cl::init("source"), cl::sub(sub)};
  cl::opt<long> count{"count", cl::desc("Neighbors (default: 10)"), cl::init(10), cl::sub(sub)};
  cl::opt<std::string> map{"map",
                           cl::desc("Also write a page with the word, its neighbors and the first 200 words, "
                                    "where they lie in the plane in which they differ most"),
                           cl::value_desc("file.html"), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print a list of objects"), cl::sub(sub)};
};

} // namespace

/// The one id of the word, alone or behind a space.
Expected<int32_t> NeighborsCommand::idOfWord(const Tokenizer &tokenizer) const {
  Expected<std::vector<int32_t>> ids = tokenizer.encode(word, "<word>");
  if (!ids)
    return ids.takeError();
  size_t alone = ids->size();
  if (alone != 1 && tokenizer.unit() == TokenUnit::BytePairs)
    if (Error error = tokenizer.encode(" " + word, "<word>").moveInto(*ids))
      return std::move(error);
  if (ids->size() != 1)
    return makeError("<word>: expected one token, got " + Twine(alone) + " of \"" + word + "\"; give one of them");
  if (tokenizer.hasSpecial() && ids->front() == kUnknownId)
    return makeError("<word>: expected a word of the vocabulary, got \"" + word + "\"");
  return ids->front();
}

/// The parameter in which the model looks up the ids of the chosen side.
Expected<std::string> NeighborsCommand::findParameter(const Checkpoint &checkpoint) const {
  Expected<ModelDescription> description = ModelDescription::fromCheckpoint(checkpoint.config, checkpoint.path);
  if (!description)
    return description.takeError();
  Expected<std::unique_ptr<Model>> model = description->make();
  if (!model)
    return model.takeError();
  Program program = buildProgram(**model, {.batch = 1, .time = 2, .functions = {"logits"}},
                                 {.batch = 1, .sourceTime = 2, .time = 2, .functions = {"logits"}});
  std::string input = "ids";
  if ((*model)->kind() == ModelKind::EncoderDecoder)
    input = side == "target" ? "tgt_in" : "src";
  if (!program.ok())
    return makeError(StringRef(program.errorText()).rtrim());
  for (const EmbeddingUse &use : findEmbeddings(program, "logits"))
    if (use.input == input)
      return use.parameter;
  return makeError(checkpoint.path + ": expected a model that gathers rows of a parameter by '" + input + "', " +
                   description->name + " does not");
}

/// The embedding: a row for each id.
Expected<const NamedTensor *> NeighborsCommand::findTable(const Checkpoint &checkpoint,
                                                          const Tokenizer &tokenizer) const {
  Expected<std::string> name = findParameter(checkpoint);
  if (!name)
    return name.takeError();
  auto found = find_if(checkpoint.model, [&](const NamedTensor &tensor) { return tensor.name == *name; });
  if (found == checkpoint.model.end())
    return makeError(checkpoint.path + ": expected parameter '" + *name + "', there is none");
  if (found->tensor.rank() != 2 || found->tensor.dim(0) != tokenizer.size())
    return makeError(checkpoint.path + ": parameter '" + *name + "': expected a row for each of the " +
                     Twine(tokenizer.size()) + " ids, got " + found->tensor.toString());
  return &*found;
}

void NeighborsCommand::print(const Tokenizer &tokenizer, ArrayRef<Neighbor> found) const {
  json::Array list;
  for (const Neighbor &one : found)
    if (json)
      list.push_back(json::Object{{"token", tokenizer.describe(int32_t(one.row))}, {"cosine", one.cosine}});
    else
      outs() << formatv("{0,6:F3}  {1}\n", one.cosine, tokenizer.describe(int32_t(one.row)));
  if (json)
    printJsonLine(outs(), json::Object{{"word", word.getValue()}, {"neighbors", std::move(list)}});
}

Error NeighborsCommand::writeMap(const Tokenizer &tokenizer, const NamedTensor &table, int64_t id,
                                 ArrayRef<Neighbor> found) const {
  constexpr int64_t kFirstWords = 200;
  std::vector<int64_t> rows = {id};
  for (const Neighbor &one : found)
    rows.push_back(one.row);
  int64_t first = tokenizer.hasSpecial() ? kSpecialCount : 0;
  for (int64_t row = first; row < std::min(tokenizer.size(), first + kFirstWords); ++row)
    if (!is_contained(rows, row))
      rows.push_back(row);
  std::vector<ChartMark> marks;
  for (auto [row, place] : zip_equal(rows, principalPlane(table.tensor, rows)))
    marks.push_back({place.first, place.second, tokenizer.describe(int32_t(row))});
  Page page("Neighbors of " + word);
  std::vector<std::vector<std::string>> list = {{"token", "cosine"}};
  for (const Neighbor &one : found)
    list.push_back({tokenizer.describe(int32_t(one.row)), formatv("{0:F3}", one.cosine).str()});
  page.table(list);
  page.add(markChart("Rows of " + table.name + " in the plane in which they differ most", marks));
  return writeFile(map, page.text());
}

Error NeighborsCommand::run() {
  if (count < 1)
    return makeError("--count: expected a number from 1 on, got " + Twine(count));
  if (side != "source" && side != "target")
    return makeError("--side: expected source or target, got \"" + side + "\"");
  if (Error error = plugins.load())
    return error;
  Expected<Checkpoint> loaded = loadForUse(checkpoint);
  if (!loaded)
    return loaded.takeError();
  if (side == "target" && !loaded->targetTokenizer)
    return makeError("--side=target: expected a model of pairs, " + loaded->path + " is none");
  const Tokenizer &tokenizer = side == "target" ? *loaded->targetTokenizer : *loaded->tokenizer;
  Expected<int32_t> id = idOfWord(tokenizer);
  if (!id)
    return id.takeError();
  Expected<const NamedTensor *> table = findTable(*loaded, tokenizer);
  if (!table)
    return table.takeError();
  int64_t first = tokenizer.hasSpecial() ? kSpecialCount : 0;
  std::vector<Neighbor> found = nearestRows((*table)->tensor, *id, size_t(count), first);
  print(tokenizer, found);
  return map.empty() ? Error::success() : writeMap(tokenizer, **table, *id, found);
}

std::unique_ptr<Command> makeNeighborsCommand() { return std::make_unique<NeighborsCommand>(); }

} // namespace moru
