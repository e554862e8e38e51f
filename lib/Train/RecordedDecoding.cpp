// The comparison with recorded decoding, by the rules of the folder's README.

#include "moru/Train/RecordedDecoding.h"

#include "moru/DSL/Compile.h"
#include "moru/Data/Safetensors.h"
#include "moru/Decode/BeamSearch.h"
#include "moru/Decode/RowDecoder.h"
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
  std::unique_ptr<Executable> executable;
  RowDecoder decoder;
};

class Decoding {
public:
  Decoding(StringRef folder, const CompileOptions &options) : folder(folder), options(options) {}

  Error read();
  Error verify();
  RecordedReport report;

private:
  Program buildRows(int64_t rows) const;
  Expected<CompiledRows *> compiledFor(int64_t rows);
  /// Decoders that begin with the source of a recorded row.
  Expected<RowDecoder *> begin(int64_t rows, int64_t row);
  Expected<std::vector<int32_t>> sourceOf(int64_t row) const;
  Error verifyRow(int64_t row, const json::Object &record);
  Error verifyGreedy(int64_t row, ArrayRef<int32_t> start, const json::Object &wanted);
  Error verifyBeam(int64_t row, ArrayRef<int32_t> start, const json::Object &wanted);
  void compare(const std::string &what, const std::string &where, const Hypothesis &got, const json::Object &wanted);
  void add(const std::string &what, double tolerance, double error, const std::string &where);
  SearchOptions searchOptions() const;

  std::string folder;
  const CompileOptions &options;
  json::Object expected;
  std::vector<NamedTensor> parameters, inputs;
  RecordedModel recorded;
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

Program Decoding::buildRows(int64_t rows) const {
  return buildProgram(*recorded.model, {.functions = {"decode_step"}, .decodeTime = recorded.time, .decodeBatch = rows},
                      {.sourceTime = recorded.sourceTime,
                       .functions = {"encode", "decode_step"},
                       .decodeBatch = rows,
                       .decodeTime = searchOptions().maxTokens + 1});
}

Expected<CompiledRows *> Decoding::compiledFor(int64_t rows) {
  if (auto found = compiled.find(rows); found != compiled.end())
    return &found->second;
  Result<Executable> executable = compile(buildRows(rows), options);
  if (!executable)
    return makeError(executable.message());
  auto owned = std::make_unique<Executable>(executable.take());
  if (Error error = setParameters(*owned, parameters, folder + "/params.safetensors"))
    return std::move(error);
  Expected<RowDecoder> decoder = RowDecoder::create(*owned);
  if (!decoder)
    return decoder.takeError();
  return &compiled.emplace(rows, CompiledRows{std::move(owned), std::move(*decoder)}).first->second;
}

static const HostTensor *findInput(const std::vector<NamedTensor> &inputs, StringRef name, int64_t elements) {
  for (const NamedTensor &input : inputs)
    if (input.name == name && input.tensor.type() == ElementType::I32 && input.tensor.numElements() >= elements)
      return &input.tensor;
  return nullptr;
}

Expected<std::vector<int32_t>> Decoding::sourceOf(int64_t row) const {
  const HostTensor *lengths = findInput(inputs, "src_len", row + 1);
  const HostTensor *sources = findInput(inputs, "src", (row + 1) * recorded.sourceTime);
  int64_t length = lengths ? lengths->data<int32_t>()[row] : 0;
  if (!sources || length < 1 || length > recorded.sourceTime)
    return makeError(folder + "/inputs.safetensors: expected `src` and `src_len` of row " + Twine(row));
  const int32_t *first = sources->data<int32_t>() + row * recorded.sourceTime;
  return std::vector<int32_t>(first, first + length);
}

Expected<RowDecoder *> Decoding::begin(int64_t rows, int64_t row) {
  Expected<CompiledRows *> compiled = compiledFor(rows);
  if (!compiled)
    return compiled.takeError();
  Expected<std::vector<int32_t>> source = recorded.isLanguageModel() ? std::vector<int32_t>() : sourceOf(row);
  if (!source)
    return source.takeError();
  if (Error error = (*compiled)->decoder.begin(*source))
    return std::move(error);
  return &(*compiled)->decoder;
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
  Expected<RowDecoder *> one = begin(1, row);
  if (!one)
    return one.takeError();
  Expected<Hypothesis> got =
      searchGreedily(start, searchOptions(), [&](auto ids, auto parents) { return (*one)->advance(ids, parents); });
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
  Expected<RowDecoder *> rows = begin(search.beam, row);
  if (!rows)
    return rows.takeError();
  Expected<std::vector<Hypothesis>> got =
      searchBeam(start, search, [&](auto ids, auto parents) { return (*rows)->advance(ids, parents); });
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
  if (Error error = makeRecordedModel(expected, folder + "/expected.json", report).moveInto(recorded))
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
  Decoding decoding(folder, options);
  if (Error error = decoding.read())
    return std::move(error);
  if (Error error = decoding.verify())
    decoding.report.rows.push_back({"decoding", toString(std::move(error)), 0, 0, ""});
  return std::move(decoding.report);
}

} // namespace moru
