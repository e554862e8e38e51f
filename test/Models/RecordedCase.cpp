// Runs a recorded case through the Reference evaluator or through compiled code.

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

/// Programs under test: parameters and state are kept by name from call to call, state is zero at first.
class Runner {
public:
  virtual ~Runner() = default;
  /// Sets parameters.
  virtual void load(const Values &parameters) = 0;
  /// Calls a function and returns the results that replace nothing.
  virtual Values call(const std::string &name, const Values &inputs) = 0;
  /// A parameter or state.
  virtual Value get(const std::string &name) = 0;
};

class ReferenceRunner : public Runner {
public:
  explicit ReferenceRunner(const Program &program) : program(program) {}

  void load(const Values &parameters) override { values = parameters; }
  Value get(const std::string &name) override { return values.at(name); }

  Values call(const std::string &name, const Values &inputs) override {
    auto function = moduleOf(program).lookupSymbol<mlir::func::FuncOp>(name);
    llvm::SmallVector<Value> arguments;
    for (mlir::BlockArgument argument : function.getArguments()) {
      auto key = function.getArgAttrOfType<mlir::StringAttr>(argument.getArgNumber(), graph::GraphDialect::kNameAttr);
      if (auto input = inputs.find(key.str()); input != inputs.end())
        arguments.push_back(input->second);
      else
        arguments.push_back(values.try_emplace(key.str(), Value(typeOf(argument))).first->second);
    }
    Values outputs;
    auto results = reference::evaluate(function, arguments);
    if (mlir::failed(results)) {
      ADD_FAILURE() << name << " cannot be evaluated";
      return outputs;
    }
    for (auto [index, result] : llvm::enumerate(*results)) {
      auto key = function.getResultAttrOfType<mlir::StringAttr>(index, graph::GraphDialect::kNameAttr).str();
      (function.getResultAttr(index, graph::GraphDialect::kDonatedAttr) ? values : outputs)[key] = result;
    }
    return outputs;
  }

private:
  const Program &program;
  Values values;
};

class CompiledRunner : public Runner {
public:
  CompiledRunner(Executable executable, mlir::MLIRContext &context)
      : executable(std::move(executable)), context(context) {}

  void load(const Values &parameters) override {
    std::vector<NamedTensor> tensors;
    for (const auto &[name, value] : parameters)
      tensors.push_back({name, reference::toHost(value)});
    Result<void> loaded = executable.load(tensors, Role::Parameter);
    EXPECT_TRUE(loaded) << loaded.message();
  }
  Value get(const std::string &name) override { return toValue(*executable.find(name)); }

  Values call(const std::string &name, const Values &inputs) override {
    std::vector<NamedTensor> tensors;
    for (const auto &[key, value] : inputs)
      tensors.push_back({key, reference::toHost(value)});
    std::vector<NamedInput> named;
    for (const NamedTensor &tensor : tensors)
      named.push_back({tensor.name, tensor.tensor});
    Outputs results = executable.run(name, named);
    EXPECT_TRUE(results) << results.message();
    Values outputs;
    if (results)
      for (const ResultSignature &result : executable.signature().find(name)->results)
        if (result.donated < 0)
          outputs[result.name] = toValue(results[result.name]);
    return outputs;
  }

private:
  Value toValue(const HostTensor &host) {
    mlir::Builder builder(&context);
    mlir::Type element = host.type() == ElementType::I32 ? mlir::Type(builder.getI32Type()) : builder.getF32Type();
    return reference::fromHost(host, mlir::RankedTensorType::get(host.shape(), element));
  }

  Executable executable;
  mlir::MLIRContext &context;
};

/// max |a - b| / max |b|.
double worstDifference(const Value &actual, const Value &expected) {
  double difference = 0, largest = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(actual.at(i) - expected.at(i)));
    largest = std::max(largest, std::abs(expected.at(i)));
  }
  return largest == 0 ? difference : difference / largest;
}

/// Entries that differ by more than `tolerance` of the largest. Adam turns rounding noise in a gradient near zero into
/// a visible step, so that one in a thousand may.
int64_t differingEntries(const Value &actual, const Value &expected, double tolerance) {
  double largest = 0;
  for (double entry : expected.floats)
    largest = std::max(largest, std::abs(entry));
  int64_t count = 0;
  for (int64_t i = 0; i < expected.size(); ++i)
    count += !(std::abs(actual.at(i) - expected.at(i)) <= tolerance * largest);
  return count;
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
  Case(const std::string &folder, bool compiled)
      : folder(folder), compiled(compiled), context(mlir::MLIRContext::Threading::DISABLED) {
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

  std::unique_ptr<Runner> makeRunner(const Program &program) {
    std::unique_ptr<Runner> runner;
    if (compiled) {
      Result<Executable> executable = compile(program, {.cache = false});
      if (!executable) {
        ADD_FAILURE() << executable.message();
        return nullptr;
      }
      runner = std::make_unique<CompiledRunner>(executable.take(), context);
    } else {
      runner = std::make_unique<ReferenceRunner>(program);
    }
    runner->load(initial);
    return runner;
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
    std::unique_ptr<Runner> runner = makeRunner(program);
    ASSERT_TRUE(runner);
    Values inputs = batch(0);
    Values logits = runner->call("logits", {{"ids", inputs["ids"]}});
    EXPECT_LE(worstDifference(logits["logits"], tensors["logits"]), tolerance(expected, "logits"));
    double loss = runner->call("loss", inputs)["loss"].at(0), want = *expected.getNumber("loss_of_batch_0");
    EXPECT_NEAR(loss, want, 1e-6 * want);
    for (auto &[name, value] : runner->call("gradients", inputs))
      EXPECT_LE(worstDifference(value, tensors["grad." + name]), tolerance(expected, "gradient")) << name;
    Values evaluation = runner->call("eval_step", inputs);
    EXPECT_NEAR(evaluation["nll"].at(0) / evaluation["count"].at(0), want, 1e-6 * want);
    for (const auto &[name, value] : tensors)
      if (llvm::StringRef(name).starts_with("state."))
        EXPECT_LE(worstDifference(runner->get("eval." + name), value), tolerance(expected, "logits")) << name;
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
    std::unique_ptr<Runner> runner = makeRunner(program);
    ASSERT_TRUE(runner);
    for (int64_t step = 0; step < int64_t(run.getArray("loss")->size()); ++step) {
      Values outputs = runner->call("train_step", batch(step));
      double loss = *(*run.getArray("loss"))[step].getAsNumber(),
             norm = *(*run.getArray("grad_norm"))[step].getAsNumber();
      EXPECT_NEAR(outputs["loss"].at(0), loss, tolerance(run, "loss") * loss) << "step " << step + 1;
      EXPECT_NEAR(outputs["grad_norm"].at(0), norm, tolerance(run, "grad_norm") * norm) << "step " << step + 1;
    }
    for (const auto &[parameter, first] : initial) {
      const Value &want = tensors["after." + name + "." + parameter];
      Value got = runner->get(parameter);
      bool adam = run.getObject("settings")->getString("optimizer") != "sgd";
      EXPECT_LE(differingEntries(got, want, tolerance(run, "parameter")), adam ? 1 + want.size() / 1000 : 0)
          << parameter;
      EXPECT_LE(updateDifference(got, want, first), std::max(tolerance(run, "update"), 1e-3)) << parameter;
    }
  }

  std::string folder;
  bool compiled;
  mlir::MLIRContext context;
  llvm::json::Object expected;
  Values initial, tensors;
  std::vector<NamedTensor> batches;
  std::unique_ptr<LanguageModel> model;
  LanguageModelOptions options;
};

} // namespace

void checkRecordedCase(const std::string &folder) {
  for (bool compiled : {false, true}) {
    SCOPED_TRACE(folder + (compiled ? ", compiled" : ", in the Reference"));
    Case(folder, compiled).run();
  }
}

} // namespace moru::test
