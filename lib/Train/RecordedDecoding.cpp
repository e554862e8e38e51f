// The comparison with recorded decoding, by the rules of the folder's README.

#include "moru/Train/RecordedDecoding.h"

#include "moru/DSL/Compile.h"
#include "moru/Data/Safetensors.h"
#include "moru/Decode/BeamSearch.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <cstring>
#include <map>

using namespace llvm;

namespace moru {

namespace {

/// A model compiled for a number of rows.
struct CompiledRows {
  Executable executable;
  int64_t rows;
  HostTensor token{ElementType::I32, {rows}}, parent{ElementType::I32, {rows}};
};

class Decoding {
public:
  Decoding(StringRef folder, const CompileOptions &options) : folder(folder), options(options) {}

  Error read();
  Error verify();
  RecordedReport report;

private:
  Error makeModel();
  Program buildProgram(int64_t rows) const;
  Expected<CompiledRows *> compiledFor(int64_t rows);
  Error begin(CompiledRows &compiled, int64_t row);
  Expected<ArrayRef<float>> advance(CompiledRows &compiled, ArrayRef<int32_t> ids, ArrayRef<int32_t> parents);
  Error verifyRow(int64_t row, const json::Object &record);
  Error verifyGreedy(int64_t row, ArrayRef<int32_t> start, const json::Object &wanted);
  Error verifyBeam(int64_t row, ArrayRef<int32_t> start, const json::Object &wanted);
  void compare(const std::string &what, const std::string &where, const Hypothesis &got, const json::Object &wanted);
  void add(const std::string &what, double tolerance, double error, const std::string &where);
  SearchOptions searchOptions() const;
  bool isLanguageModel() const { return model->kind() == ModelKind::LanguageModel; }

  std::string folder;
  const CompileOptions &options;
  json::Object expected;
  std::vector<NamedTensor> parameters, inputs;
  ModelDescription description;
  std::unique_ptr<Model> model;
  int64_t time = 0, sourceTime = 0;
  std::map<int64_t, CompiledRows> compiled;
  std::map<std::string, size_t> rowOf;
};

} // namespace

Error Decoding::read() {
  std::string path = folder + "/expected.json";
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  if (Error error = parseJsonObject(*text, path).moveInto(expected))
    return error;
  if (!expected.getString("model") || !expected.getObject("config") || !expected.getArray("rows"))
    return makeError(path + ": expected \"model\", \"config\" and \"rows\": is this the folder of recorded decoding?");
  report.name = "decode/" + sys::path::filename(StringRef(folder).rtrim('/')).str();
  if (Error error = readSafetensors(folder + "/params.safetensors").moveInto(parameters))
    return error;
  if (expected.getObject("config")->get("S"))
    return readSafetensors(folder + "/inputs.safetensors").moveInto(inputs);
  return Error::success();
}

Error Decoding::makeModel() {
  json::Object config = *expected.getObject("config");
  time = config.getInteger("T").value_or(1);
  sourceTime = config.getInteger("S").value_or(1);
  std::string name = expected.getString("model")->str();
  Result<Config> keys = Config::parse(formatv("{0}", json::Value(std::move(config))).str(), folder + "/expected.json");
  if (!keys)
    return makeError(keys.message());
  description = {name, keys.take()};
  return makeRecordedModel(description, time, report).moveInto(model);
}

Program Decoding::buildProgram(int64_t rows) const {
  if (isLanguageModel())
    return buildLanguageModel(static_cast<const LanguageModel &>(*model),
                              {.functions = {"decode_step"}, .decodeTime = time, .decodeBatch = rows});
  return buildEncoderDecoder(static_cast<const EncoderDecoder &>(*model),
                             {.sourceTime = sourceTime,
                              .functions = {"encode", "decode_step"},
                              .decodeBatch = rows,
                              .decodeTime = searchOptions().maxTokens + 1});
}

Expected<CompiledRows *> Decoding::compiledFor(int64_t rows) {
  if (auto found = compiled.find(rows); found != compiled.end())
    return &found->second;
  Result<Executable> executable = compile(buildProgram(rows), options);
  if (!executable)
    return makeError(executable.message());
  if (Error error = setParameters(*executable, parameters, folder + "/params.safetensors"))
    return std::move(error);
  return &compiled.emplace(rows, CompiledRows{executable.take(), rows}).first->second;
}

/// `rows` copies of one row of an input.
static HostTensor repeatRow(const std::vector<NamedTensor> &inputs, StringRef name, int64_t row, Shape shape) {
  HostTensor tensor(ElementType::I32, std::move(shape));
  auto found = find_if(inputs, [&](const NamedTensor &input) { return input.name == name; });
  int64_t rows = tensor.shape()[0], width = tensor.numElements() / rows;
  if (found != inputs.end() && found->tensor.type() == ElementType::I32 &&
      found->tensor.numElements() >= (row + 1) * width)
    for (int64_t i = 0; i < rows; ++i)
      std::memcpy(tensor.data<int32_t>() + i * width, found->tensor.data<int32_t>() + row * width,
                  size_t(width) * sizeof(int32_t));
  return tensor;
}

Error Decoding::begin(CompiledRows &rows, int64_t row) {
  if (isLanguageModel()) {
    clearState(rows.executable, kDecodeState);
    return Error::success();
  }
  HostTensor source = repeatRow(inputs, "src", row, {rows.rows, sourceTime});
  HostTensor lengths = repeatRow(inputs, "src_len", row, {rows.rows});
  Outputs outputs = rows.executable.run("encode", {{"src", source}, {"src_len", lengths}});
  return outputs ? Error::success() : makeError(outputs.message());
}

Expected<ArrayRef<float>> Decoding::advance(CompiledRows &rows, ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) {
  std::copy(ids.begin(), ids.end(), rows.token.data<int32_t>());
  std::copy(parents.begin(), parents.end(), rows.parent.data<int32_t>());
  std::vector<NamedInput> named = {{"token", rows.token}};
  if (!isLanguageModel() || rows.rows > 1)
    named.push_back({"parent", rows.parent});
  Outputs outputs = rows.executable.run("decode_step", named);
  if (!outputs)
    return makeError(outputs.message());
  const HostTensor &logits = outputs["logits"];
  return ArrayRef<float>(logits.data<float>(), size_t(logits.numElements()));
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

/// Keeps the worst of a kind in its row.
void Decoding::add(const std::string &what, double tolerance, double error, const std::string &where) {
  auto [place, isNew] = rowOf.try_emplace(what, report.rows.size());
  if (isNew)
    report.rows.push_back({what, "", -1, tolerance, ""});
  RecordedRow &row = report.rows[place->second];
  if (!(error <= row.error)) {
    row.error = std::isnan(error) ? INFINITY : error;
    row.where = where;
  }
}

void Decoding::compare(const std::string &what, const std::string &where, const Hypothesis &got,
                       const json::Object &wanted) {
  const json::Array *ids = wanted.getArray("ids"), *logProbabilities = wanted.getArray("token_log_p");
  bool same = ids && logProbabilities && ids->size() == got.ids.size() && logProbabilities->size() == got.ids.size() &&
              wanted.getBoolean("eos") == got.ended;
  for (size_t i = 0; same && i < got.ids.size(); ++i)
    same = (*ids)[i].getAsInteger() == got.ids[i];
  add(what + ": ids", 0, same ? 0 : 1, where);
  if (!same)
    return;
  const json::Object *bounds = expected.getObject("tolerance");
  double tolerance = bounds ? bounds->getNumber("token_log_p").value_or(0) : 0;
  for (size_t i = 0; i < got.ids.size(); ++i)
    add(what + ": log p", tolerance,
        std::abs(got.logProbabilities[i] - (*logProbabilities)[i].getAsNumber().value_or(NAN)), where);
  if (std::optional<double> score = wanted.getNumber("score"))
    add(what + ": score", tolerance * double(searchOptions().maxTokens), std::abs(got.score - *score), where);
}

SearchOptions Decoding::searchOptions() const {
  return {.maxTokens = std::max<int64_t>(expected.getInteger("max_len").value_or(1), 1),
          .endId = int32_t(expected.getInteger("eos").value_or(-1))};
}

Error Decoding::verifyGreedy(int64_t row, ArrayRef<int32_t> start, const json::Object &wanted) {
  Expected<CompiledRows *> one = compiledFor(1);
  if (!one)
    return one.takeError();
  if (Error error = begin(**one, row))
    return error;
  Expected<Hypothesis> got =
      searchGreedily(start, searchOptions(),
                     [&](ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) { return advance(**one, ids, parents); });
  if (!got)
    return got.takeError();
  compare("greedy", "row " + std::to_string(row), *got, wanted);
  return Error::success();
}

Error Decoding::verifyBeam(int64_t row, ArrayRef<int32_t> start, const json::Object &wanted) {
  SearchOptions search = searchOptions();
  search.beam = std::clamp<int64_t>(wanted.getInteger("beam").value_or(1), 1, 1024);
  search.lengthPenalty = wanted.getNumber("alpha").value_or(0);
  const json::Array *hypotheses = wanted.getArray("hypotheses");
  if (!hypotheses)
    return makeError("expected \"hypotheses\" of a beam");
  Expected<CompiledRows *> rows = compiledFor(search.beam);
  if (!rows)
    return rows.takeError();
  if (Error error = begin(**rows, row))
    return error;
  Expected<std::vector<Hypothesis>> got = searchBeam(
      start, search, [&](ArrayRef<int32_t> ids, ArrayRef<int32_t> parents) { return advance(**rows, ids, parents); });
  if (!got)
    return got.takeError();
  std::string what = formatv("beam {0}, alpha {1:F1}", search.beam, search.lengthPenalty).str();
  for (size_t i = 0; i < std::max(got->size(), hypotheses->size()); ++i) {
    std::string where = formatv("row {0}, number {1}", row, i + 1).str();
    const json::Object *one = i < hypotheses->size() ? (*hypotheses)[i].getAsObject() : nullptr;
    if (one && i < got->size())
      compare(what, where, (*got)[i], *one);
    else
      add(what + ": ids", 0, 1, where);
  }
  return Error::success();
}

Error Decoding::verifyRow(int64_t row, const json::Object &record) {
  std::vector<int32_t> start;
  if (const json::Array *ids = record.getArray("start"))
    for (const json::Value &id : *ids)
      start.push_back(int32_t(id.getAsInteger().value_or(0)));
  const json::Object *greedy = record.getObject("greedy");
  const json::Array *beams = record.getArray("beam");
  if (start.empty() || !greedy || !beams)
    return makeError("expected \"start\", \"greedy\" and \"beam\" of each row");
  if (Error error = verifyGreedy(row, start, *greedy))
    return error;
  for (const json::Value &beam : *beams)
    if (const json::Object *wanted = beam.getAsObject())
      if (Error error = verifyBeam(row, start, *wanted))
        return error;
  return Error::success();
}

Error Decoding::verify() {
  if (Error error = makeModel())
    return error;
  for (auto [row, record] : enumerate(*expected.getArray("rows"))) {
    if (!record.getAsObject())
      return makeError("expected rows that are objects");
    if (Error error = verifyRow(int64_t(row), *record.getAsObject()))
      return error;
  }
  return Error::success();
}

Expected<RecordedReport> verifyRecordedDecoding(StringRef folder, const CompileOptions &options) {
  Decoding recorded(folder, options);
  if (Error error = recorded.read())
    return std::move(error);
  if (Error error = recorded.verify())
    recorded.report.rows.push_back({"decoding", toString(std::move(error)), 0, 0, ""});
  return std::move(recorded.report);
}

} // namespace moru
