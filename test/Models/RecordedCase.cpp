// Runs a recorded case through the Reference evaluator.

#include "RecordedCase.h"

#include "moru/DSL/Moru.h"
#include "moru/DSL/ProgramModule.h"
#include "moru/Data/Safetensors.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Support/Files.h"

#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"

#include <cmath>
#include <map>

namespace moru::test {
namespace {

using Value = reference::Tensor;
/// Values of parameters and state by name.
using Values = std::map<std::string, Value>;

mlir::RankedTensorType typeOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }

/// Calls a function of the program: inputs and parameters by name, state zero where it is missing. Donated results
/// replace their arguments in `values`; the others are returned.
std::map<std::string, Value> call(const Program &program, const std::string &name, Values &values,
                                  const Values &inputs) {
  auto function = moduleOf(program).lookupSymbol<mlir::func::FuncOp>(name);
  llvm::SmallVector<Value> arguments;
  std::vector<std::string> names;
  for (mlir::BlockArgument argument : function.getArguments()) {
    auto key =
        function.getArgAttrOfType<mlir::StringAttr>(argument.getArgNumber(), graph::GraphDialect::kNameAttr).str();
    names.push_back(key);
    if (auto input = inputs.find(key); input != inputs.end())
      arguments.push_back(input->second);
    else
      arguments.push_back(values.try_emplace(key, Value(typeOf(argument))).first->second);
  }
  auto results = reference::evaluate(function, arguments);
  std::map<std::string, Value> outputs;
  if (mlir::failed(results)) {
    ADD_FAILURE() << name << " cannot be evaluated";
    return outputs;
  }
  for (auto [index, result] : llvm::enumerate(*results)) {
    auto key = function.getResultAttrOfType<mlir::StringAttr>(index, graph::GraphDialect::kNameAttr).str();
    if (function.getResultAttr(index, graph::GraphDialect::kDonatedAttr))
      values[key] = result;
    else
      outputs[key] = result;
  }
  return outputs;
}

/// max |a - b| / max |b|.
double worstDifference(const Value &actual, const Value &expected) {
  double difference = 0, largest = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(actual.at(i) - expected.at(i)));
    largest = std::max(largest, std::abs(expected.at(i)));
  }
  return largest == 0 ? difference : difference / largest;
}

/// ‖actual - expected‖ / ‖expected - first‖.
double updateDifference(const Value &actual, const Value &expected, const Value &first) {
  double difference = 0, update = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(actual.at(i) - expected.at(i), 2);
    update += std::pow(expected.at(i) - first.at(i), 2);
  }
  return std::sqrt(difference / update);
}

/// Everything that a folder holds.
class Case {
public:
  explicit Case(const std::string &folder) : folder(folder), context(mlir::MLIRContext::Threading::DISABLED) {
    llvm::Expected<std::string> text = readFile(folder + "/expected.json");
    if (!text)
      llvm::report_fatal_error(text.takeError());
    llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(*text);
    if (!parsed)
      llvm::report_fatal_error(parsed.takeError());
    expected = *parsed->getAsObject();
    initial = read("init");
    tensors = read("expected");
    batches = readTensors("batch");
    makeModel();
  }

  void run() {
    checkFirstBatch();
    for (const auto &[name, run] : *expected.getObject("runs"))
      checkRun(name.str(), *run.getAsObject());
  }

private:
  Values read(const std::string &stem) {
    Values values;
    for (const NamedTensor &tensor : readTensors(stem))
      values[tensor.name] = toValue(tensor.tensor);
    return values;
  }

  std::vector<NamedTensor> readTensors(const std::string &stem) {
    llvm::Expected<std::vector<NamedTensor>> file = readSafetensors(folder + "/" + stem + ".safetensors");
    if (file)
      return std::move(*file);
    ADD_FAILURE() << llvm::toString(file.takeError());
    return {};
  }

  Value toValue(const HostTensor &host) {
    mlir::Builder builder(&context);
    mlir::Type element = host.type() == ElementType::I32 ? mlir::Type(builder.getI32Type()) : builder.getF32Type();
    if (host.type() == ElementType::F64)
      element = builder.getF64Type();
    return reference::fromHost(host, mlir::RankedTensorType::get(host.shape(), element));
  }

  void makeModel() {
    llvm::json::Object config = *expected.getObject("config");
    options.batch = config.getInteger("B").value();
    options.time = config.getInteger("T").value();
    Result<Config> keys = Config::parse(llvm::formatv("{0}", llvm::json::Value(std::move(config))).str());
    ASSERT_TRUE(keys) << keys.message();
    keys->drop({"B", "T", "ignored"});
    Result<std::unique_ptr<LanguageModel>> made = makeLanguageModel(*expected.getString("model"), *keys);
    ASSERT_TRUE(made) << made.message();
    model = made.take();
  }

  /// The inputs of step t, from 0.
  Values batch(int64_t step) {
    Values inputs;
    for (const NamedTensor &stack : batches) {
      HostTensor one(stack.tensor.type(), {options.batch, options.time});
      std::memcpy(one.bytes(), static_cast<const char *>(stack.tensor.bytes()) + step * one.sizeInBytes(),
                  one.sizeInBytes());
      inputs[stack.name] = toValue(one);
    }
    return inputs;
  }

  double tolerance(const llvm::json::Object &object, const char *key) {
    return object.getObject("tolerance")->getNumber(key).value();
  }

  /// logits, loss, gradients and the state after batch 0.
  void checkFirstBatch() {
    LanguageModelOptions once = options;
    once.functions = {"logits", "loss", "eval_step"};
    Program program = buildLanguageModel(*model, once);
    program.function("gradients", [&](Function &function) {
      Tensor ids = function.input("ids", i32({options.batch, options.time}));
      Tensor targets = function.input("targets", i32({options.batch, options.time}));
      State state = model->start(options.batch);
      std::vector<Tensor> parameters = model->parameters();
      std::vector<Tensor> gradients = gradient(model->loss(ids, targets, state), parameters);
      for (size_t i = 0; i < parameters.size(); ++i)
        function.output(parameters[i].name(), gradients[i]);
    });
    ASSERT_TRUE(program.ok()) << program.errorText();
    Values values = initial, inputs = batch(0), ids{{"ids", inputs["ids"]}};
    auto logits = call(program, "logits", values, ids);
    EXPECT_LE(worstDifference(logits["logits"], tensors["logits"]), tolerance(expected, "logits"));
    double loss = call(program, "loss", values, inputs)["loss"].at(0), want = *expected.getNumber("loss_of_batch_0");
    EXPECT_NEAR(loss, want, 1e-6 * want);
    for (auto &[name, value] : call(program, "gradients", values, inputs))
      EXPECT_LE(worstDifference(value, tensors["grad." + name]), tolerance(expected, "gradient")) << name;
    auto evaluation = call(program, "eval_step", values, inputs);
    EXPECT_NEAR(evaluation["nll"].at(0) / evaluation["count"].at(0), want, 1e-6 * want);
    for (const auto &[name, value] : values)
      if (llvm::StringRef(name).starts_with("eval.state."))
        EXPECT_LE(worstDifference(value, tensors[name.substr(5)]), tolerance(expected, "logits")) << name;
  }

  static optim::Optimizer makeOptimizer(const llvm::json::Object &settings) {
    auto number = [&](const char *key, double preset) { return settings.getNumber(key).value_or(preset); };
    double rate = number("lr", 0), clip = number("clip", 0);
    optim::Schedule schedule = rate;
    if (settings.get("warmup"))
      schedule = optim::warmupCosine(rate, int64_t(number("warmup", 0)), int64_t(number("total", 10)));
    if (settings.getString("optimizer") == "sgd")
      return optim::Sgd{.learningRate = schedule, .momentum = number("momentum", 0), .clip = clip};
    if (settings.getString("optimizer") == "adamw")
      return optim::AdamW{.learningRate = schedule, .weightDecay = number("weight_decay", 0), .clip = clip};
    return optim::Adam{.learningRate = schedule, .clip = clip};
  }

  void checkRun(const std::string &name, const llvm::json::Object &run) {
    SCOPED_TRACE(name);
    options.optimizer = makeOptimizer(*run.getObject("settings"));
    options.functions = {"train_step"};
    Program program = buildLanguageModel(*model, options);
    ASSERT_TRUE(program.ok()) << program.errorText();
    Values values = initial;
    for (int64_t step = 0; step < int64_t(run.getArray("loss")->size()); ++step) {
      auto outputs = call(program, "train_step", values, batch(step));
      double loss = *(*run.getArray("loss"))[step].getAsNumber(),
             norm = *(*run.getArray("grad_norm"))[step].getAsNumber();
      EXPECT_NEAR(outputs["loss"].at(0), loss, tolerance(run, "loss") * loss) << "step " << step + 1;
      EXPECT_NEAR(outputs["grad_norm"].at(0), norm, tolerance(run, "grad_norm") * norm) << "step " << step + 1;
    }
    for (const auto &[parameter, first] : initial) {
      const Value &want = tensors["after." + name + "." + parameter];
      EXPECT_LE(worstDifference(values[parameter], want), 4 * tolerance(run, "parameter")) << parameter;
      EXPECT_LE(updateDifference(values[parameter], want, first), std::max(tolerance(run, "update"), 1e-4))
          << parameter;
    }
  }

  std::string folder;
  mlir::MLIRContext context;
  llvm::json::Object expected;
  Values initial, tensors;
  std::vector<NamedTensor> batches;
  std::unique_ptr<LanguageModel> model;
  LanguageModelOptions options;
};

} // namespace

void checkRecordedCase(const std::string &folder) {
  SCOPED_TRACE(folder);
  Case(folder).run();
}

} // namespace moru::test
