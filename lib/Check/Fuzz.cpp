//===- Fuzz.cpp - compiles random graphs and compares ------------------------------===//
// Children check some graphs each and send a line of JSON for every one: a new process now and then keeps the memory
// small, and after a crash the next child goes on behind the graph that caused it.
//===----------------------------------------------------------------------===//

#include "moru/Check/Fuzz.h"

#include "Isolated.h"

#include "moru/Check/RandomGraph.h"
#include "moru/Check/Reduce.h"
#include "moru/Check/Reproducer.h"
#include "moru/Compiler/CompileModule.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Support/Files.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/JSON.h"

#include <set>

using namespace mlir;
using namespace moru;
using namespace moru::check;

/// Graphs of one child: enough that a fork costs nothing, few enough that uniqued types and constants do not pile up.
static constexpr int64_t kGraphsPerChild = 200;
/// A graph that takes longer runs an endless loop: most take a twentieth of a second.
static constexpr unsigned kSeconds = 60;
/// Runs for one failure: most are small after a hundred.
static constexpr int64_t kReduceRuns = 600;

//===----------------------------------------------------------------------===//
// One graph
//===----------------------------------------------------------------------===//

OwningOpRef<ModuleOp> check::makeFuzzModule(MLIRContext *context, uint64_t seed, const FuzzOptions &options) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(UnknownLoc::get(context)));
  RandomGraphOptions graph = drawGraphOptions(context, seed);
  if (options.gradients) {
    graph.gradients = *options.gradients;
    graph.size = std::min<int64_t>(graph.size, 12);
  }
  addRandomFunction(*module, "f", graph);
  // One program of four has a second, smaller function.
  if (seed % 4 == 0) {
    graph.seed = ~seed;
    graph.size = graph.size / 2 + 1;
    addRandomFunction(*module, "g", graph);
  }
  return module;
}

CompiledCheckOptions check::makeFuzzCheck(uint64_t seed, const FuzzOptions &options) {
  CompiledCheckOptions result;
  result.target = options.target;
  result.threads = seed % 4 == 1 ? 2 : 1;
  result.check.seed = seed;
  result.check.native = options.nativeShare != 0 && seed % options.nativeShare == 0;
  // Ordinary numbers always, and one awkward kind.
  ArrayRef<InputKind> awkward = inputKinds().drop_front(2);
  result.check.kinds = {InputKind::Ordinary, awkward[seed % awkward.size()]};
  result.check.draws = 1;
  return result;
}

static MLIRContext *makeContext(std::unique_ptr<MLIRContext> &owner) {
  DialectRegistry registry;
  registerDialects(registry);
  owner = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  owner->loadAllAvailableDialects();
  return owner.get();
}

void check::printFuzzModule(llvm::raw_ostream &stream, const FuzzOptions &options) {
  std::unique_ptr<MLIRContext> owner;
  makeFuzzModule(makeContext(owner), options.seed, options)->print(stream);
  stream << "\n";
}

static std::set<StringRef> operationsOf(ModuleOp module) {
  std::set<StringRef> names;
  module.walk([&](Operation *op) {
    if (isa<graph::GraphDialect>(op->getDialect()))
      names.insert(op->getName().getStringRef());
  });
  return names;
}

static std::string commandFor(uint64_t seed, const FuzzOptions &options) {
  return "moru-fuzz %s --cpu=" + options.target.name + " --seed=" + std::to_string(seed);
}

static void fixFailingInputs(ModuleOp module, const CompiledCheck &result) {
  if (auto function = module.lookupSymbol<func::FuncOp>(result.function); function && !result.inputs.empty())
    fixInputs(function, result.inputs);
}

static std::string leaveFailure(ModuleOp module, uint64_t seed, StringRef message, const FuzzOptions &options) {
  llvm::Expected<std::string> path =
      leaveReproducer(module, commandFor(seed, options), message, options.outputFolder, "fuzz-" + std::to_string(seed));
  if (path)
    return *path;
  llvm::consumeError(path.takeError());
  return {};
}

/// Checks one graph and describes the result.
static llvm::json::Object checkOne(MLIRContext *context, uint64_t seed, const FuzzOptions &options) {
  OwningOpRef<ModuleOp> module = makeFuzzModule(context, seed, options);
  llvm::json::Array names;
  std::set<StringRef> operations = operationsOf(*module);
  for (StringRef name : operations)
    names.push_back(name);
  CompiledCheck result;
  if (failed(verify(*module)))
    result.message = "the generator has made a program that does not verify";
  else
    result = checkCompiled(*module, makeFuzzCheck(seed, options));
  llvm::json::Object line{{"seed", static_cast<int64_t>(seed)},
                          {"operations", std::move(names)},
                          {"entries", result.tally.entries},
                          {"undecided", result.tally.undecided}};
  if (result.message.empty())
    return line;
  fixFailingInputs(*module, result);
  line["path"] = leaveFailure(*module, seed, result.message, options);
  line["message"] = llvm::json::fixUTF8(result.message);
  return line;
}

//===----------------------------------------------------------------------===//
// Campaigns
//===----------------------------------------------------------------------===//

std::vector<std::string> FuzzReport::missing() const {
  std::vector<std::string> names;
  for (const auto &[name, count] : coverage)
    if (count == 0)
      names.push_back(name);
  return names;
}

/// Adds what a child has sent about one graph.
static void addResult(FuzzReport &report, const llvm::json::Object &line) {
  ++report.graphs;
  report.tally.entries += line.getInteger("entries").value_or(0);
  report.tally.undecided += line.getInteger("undecided").value_or(0);
  if (const llvm::json::Array *operations = line.getArray("operations"))
    for (const llvm::json::Value &name : *operations) {
      report.coverage[name.getAsString().value_or("").str()] += 1;
      report.differentiated += name.getAsString() == StringRef(graph::GradientOp::getOperationName());
    }
  if (std::optional<StringRef> message = line.getString("message"))
    report.failures.push_back({static_cast<uint64_t>(line.getInteger("seed").value_or(0)), message->str(),
                               line.getString("path").value_or("").str()});
}

/// The failure of a graph that ended its process.
static void addCrash(FuzzReport &report, MLIRContext *context, uint64_t seed, const std::string &reason,
                     const FuzzOptions &options) {
  ++report.graphs;
  std::string message = "the compiler or its code has ended: " + reason;
  report.failures.push_back({seed, message, {}});
  IsolatedEnd end = runIsolated(
      [&](SendLine send) { send(leaveFailure(*makeFuzzModule(context, seed, options), seed, message, options)); },
      [&](StringRef path) { report.failures.back().path = path.str(); }, kSeconds);
  if (!end.finished)
    report.failures.back().message += "; the generator has ended too: " + end.reason;
}

/// Makes the test of a failure small. What cannot be reduced, as it fails now and then only, stays as it is.
static void reduceFailure(FuzzFailure &failure, const FuzzOptions &options) {
  if (options.toolFolder.empty() || failure.path.empty())
    return;
  ReduceOptions reduceOptions;
  reduceOptions.toolFolder = options.toolFolder;
  reduceOptions.maxRuns = kReduceRuns;
  llvm::Expected<Reduction> reduction = reduce(failure.path, reduceOptions);
  if (!reduction) {
    failure.message += "\n" + llvm::toString(reduction.takeError());
    return;
  }
  if (llvm::Error error = writeFile(failure.path, reduction->text)) {
    failure.message += "\n" + llvm::toString(std::move(error));
    return;
  }
  failure.message = reduction->message;
  failure.operations = reduction->after;
}

FuzzReport check::fuzz(const FuzzOptions &options) {
  FuzzReport report;
  for (StringRef name : generatedOperations())
    report.coverage[name.str()] = 0;
  std::unique_ptr<MLIRContext> owner;
  MLIRContext *context = makeContext(owner);
  while (report.graphs < options.graphs) {
    int64_t last = std::min(options.graphs, report.graphs + kGraphsPerChild), first = report.graphs;
    IsolatedEnd end = runIsolated(
        [&](SendLine send) {
          for (int64_t graph = first; graph < last; ++graph)
            send(llvm::formatv("{0}", llvm::json::Value(checkOne(context, options.seed + graph, options))).str());
        },
        [&](StringRef line) {
          size_t known = report.failures.size();
          llvm::Expected<llvm::json::Value> value = llvm::json::parse(line);
          if (value && value->getAsObject())
            addResult(report, *value->getAsObject());
          else
            llvm::consumeError(value.takeError());
          if (report.failures.size() > known)
            reduceFailure(report.failures.back(), options);
          if (options.progress)
            options.progress(report);
        },
        kSeconds);
    if (end.finished)
      continue;
    addCrash(report, context, options.seed + report.graphs, end.reason, options);
    reduceFailure(report.failures.back(), options);
  }
  return report;
}

llvm::Error check::fuzzFile(StringRef path, const FuzzOptions &options) {
  llvm::Expected<std::unique_ptr<ModuleFile>> file = ModuleFile::read(path);
  if (!file)
    return file.takeError();
  std::string message;
  IsolatedEnd end = runIsolated(
      [&](SendLine send) {
        CompiledCheckOptions check;
        check.target = options.target;
        check.check.seed = options.seed;
        CompiledCheck result = checkCompiled(*(*file)->module, check);
        for (StringRef line : llvm::split(result.message, '\n'))
          send(line);
      },
      [&](StringRef line) { message += (message.empty() ? "" : "\n") + line.str(); }, kSeconds);
  if (!end.finished)
    message = "the compiler or its code has ended: " + end.reason;
  return message.empty() ? llvm::Error::success() : makeError(message);
}
