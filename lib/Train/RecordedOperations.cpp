// The comparison with recorded operations, by the rules of the folder's README: each entry by itself, or relative to
// the largest of the tensor; infinities exactly.

#include "moru/Train/RecordedOperations.h"
#include "OperationTable.h"

#include "moru/DSL/Compile.h"
#include "moru/DSL/Program.h"
#include "moru/Data/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Support/Json.h"

#include "llvm/Support/Path.h"

#include <cmath>

using namespace llvm;

namespace moru {

/// An entry that is compared by itself may be off by this much, so that denormals may be flushed (the README's rule).
static constexpr double kFlushed = 1e-37;

namespace {

/// One recorded operation.
class OperationCase {
public:
  OperationCase(const json::Object &record, const StringMap<const HostTensor *> &tensors, const CompileOptions &options)
      : record(record), tensors(tensors), options(options), name(record.getString("name").value_or("").str()) {}

  void verify(std::vector<RecordedRow> &rows);

private:
  Error readInputs();
  Error build();
  Error run(std::vector<RecordedRow> &rows);
  void compare(const std::string &what, StringRef key, const HostTensor *got, std::vector<RecordedRow> &rows) const;
  const HostTensor *find(const Twine &part) const { return tensors.lookup((name + "." + part).str()); }

  const json::Object &record;
  const StringMap<const HostTensor *> &tensors;
  const CompileOptions &options;
  std::string name;
  /// The inputs, and which of them have a recorded gradient.
  std::vector<std::pair<std::string, const HostTensor *>> inputs;
  std::vector<std::string> differentiated;
  Program program;
};

} // namespace

static bool hasShape(const HostTensor &tensor, const json::Value *shape) {
  const json::Array *sizes = shape ? shape->getAsArray() : nullptr;
  return sizes && sizes->size() == size_t(tensor.rank()) && all_of(zip_equal(*sizes, tensor.shape()), [](auto pair) {
           return std::get<0>(pair).getAsInteger() == std::get<1>(pair);
         });
}

Error OperationCase::readInputs() {
  const json::Object *list = record.getObject("inputs"), *compared = record.getObject("compare");
  if (name.empty() || !list || !compared || !record.getObject("attributes") || !record.getObject("tolerance"))
    return makeError("expected \"name\", \"attributes\", \"inputs\", \"compare\" and \"tolerance\"");
  for (const auto &[key, shape] : *list) {
    const HostTensor *tensor = find(StringRef(key));
    if (!tensor || !hasShape(*tensor, &shape))
      return makeError("expected the tensor \"" + Twine(name) + "." + StringRef(key) + "\" of the shape in ops.json");
    inputs.emplace_back(key.str(), tensor);
    if (bool(find("grad." + StringRef(key))) != bool(compared->get(key)))
      return makeError("expected a gradient of each compared input and of no other, got " + Twine(name) + "." +
                       StringRef(key));
    if (compared->get(key))
      differentiated.push_back(key.str());
  }
  const HostTensor *out = find("out"), *cotangent = find("cotangent");
  if (!out || !cotangent || !hasShape(*out, record.get("out")) || cotangent->shape() != out->shape())
    return makeError("expected \"" + name + ".out\" and its cotangent of the shape in ops.json");
  if (compared->size() != differentiated.size() + 1)
    return makeError("expected comparisons of \"out\" and inputs alone");
  return Error::success();
}

static TensorType typeOf(const HostTensor &tensor) {
  TensorType type{tensor.type(), {}, {}};
  for (int64_t size : tensor.shape())
    type.dims.push_back(Dim(size));
  return type;
}

Error OperationCase::build() {
  std::string op = record.getString("op").value_or("").str(), problem;
  OperationBuilder builder = findOperation(op);
  if (!builder)
    return makeError("unknown operation \"" + op + "\"");
  program.function("case", [&](Function &function) {
    StringMap<Tensor> values;
    for (const auto &[key, tensor] : inputs)
      values[key] = function.input(key, typeOf(*tensor));
    Tensor cotangent = function.input("cotangent", typeOf(*find("cotangent")));
    RecordedCall call(*record.getObject("attributes"), values);
    Tensor out = builder(call);
    problem = call.finish();
    function.output("out", out);
    std::vector<Tensor> targets;
    for (const std::string &key : differentiated)
      targets.push_back(values[key]);
    for (auto [key, gradient] : zip_equal(differentiated, gradient(sum(out * cotangent), targets)))
      function.output("grad." + key, gradient);
  });
  if (!problem.empty())
    return makeError(problem);
  return program.ok() ? Error::success() : makeError(program.errorText());
}

/// How far an entry is off, or NaN where infinities or NaNs do not match.
static double difference(double got, double wanted) {
  if (std::isnan(wanted))
    return std::isnan(got) ? 0 : NAN;
  if (std::isinf(wanted) || !std::isfinite(got))
    return got == wanted ? 0 : NAN;
  return std::abs(got - wanted);
}

void OperationCase::compare(const std::string &what, StringRef key, const HostTensor *got,
                            std::vector<RecordedRow> &rows) const {
  RecordedRow row;
  row.what = name + " " + what;
  const HostTensor &wanted = *find(what);
  StringRef rule = record.getObject("compare")->getString(key).value_or("");
  std::optional<double> tolerance = record.getObject("tolerance")->getNumber(key);
  if (!got || got->shape() != wanted.shape() || !tolerance || (rule != "entry" && rule != "tensor")) {
    row.problem = "expected a result of the recorded shape, and a rule and tolerance for it";
    rows.push_back(std::move(row));
    return;
  }
  row.tolerance = *tolerance;
  double largest = 0;
  for (int64_t i = 0; i < wanted.numElements(); ++i)
    if (std::isfinite(wanted.at(i)))
      largest = std::max(largest, std::abs(wanted.at(i)));
  for (int64_t i = 0; i < wanted.numElements(); ++i) {
    double error = difference(got->at(i), wanted.at(i)), scale = rule == "entry" ? std::abs(wanted.at(i)) : largest;
    if (rule == "entry")
      error = std::max(error - kFlushed, std::isnan(error) ? error : 0.0);
    error = std::isnan(error) ? INFINITY : error == 0 ? 0 : scale > 0 ? error / scale : INFINITY;
    if (row.where.empty() || error > row.error) {
      row.error = error;
      row.where = "entry " + std::to_string(i);
    }
  }
  rows.push_back(std::move(row));
}

Error OperationCase::run(std::vector<RecordedRow> &rows) {
  if (Error error = readInputs())
    return error;
  if (Error error = build())
    return error;
  Result<Executable> executable = compile(program, options);
  if (!executable)
    return makeError(executable.message());
  std::vector<NamedInput> arguments{{"cotangent", *find("cotangent")}};
  for (const auto &[key, tensor] : inputs)
    arguments.push_back({key, *tensor});
  Outputs outputs = executable->run("case", arguments);
  if (!outputs)
    return makeError(outputs.message());
  compare("out", "out", outputs.find("out"), rows);
  for (const std::string &key : differentiated)
    compare("grad." + key, key, outputs.find("grad." + key), rows);
  return Error::success();
}

void OperationCase::verify(std::vector<RecordedRow> &rows) {
  if (Error error = run(rows)) {
    RecordedRow row;
    row.what = name;
    row.problem = toString(std::move(error));
    rows.push_back(std::move(row));
  }
}

Expected<RecordedReport> verifyRecordedOperations(StringRef folder, const CompileOptions &options) {
  std::string path = (folder + "/ops.json").str();
  Expected<std::string> text = readFile(path);
  if (!text)
    return text.takeError();
  Expected<json::Value> parsed = parseJson(*text, path);
  if (!parsed)
    return parsed.takeError();
  const json::Array *records = parsed->getAsArray();
  if (!records)
    return makeError(path + ": expected a list of operations");
  std::vector<NamedTensor> list;
  if (Error error = readSafetensors((folder + "/ops.safetensors").str()).moveInto(list))
    return error;
  StringMap<const HostTensor *> tensors;
  for (const NamedTensor &tensor : list)
    tensors[tensor.name] = &tensor.tensor;

  RecordedReport report;
  report.name = sys::path::filename(folder.rtrim('/')).str();
  for (const json::Value &record : *records) {
    if (!record.getAsObject())
      return makeError(path + ": expected a list of objects");
    OperationCase(*record.getAsObject(), tensors, options).verify(report.rows);
  }
  return report;
}

} // namespace moru
