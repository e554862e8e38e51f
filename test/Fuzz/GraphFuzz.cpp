// Any text as a module of the graph dialect: parsed, verified, printed and parsed again, then taken to the stage
// `simplified`. Modules whose work would take long for reasons of their own (large tensors, deep nesting) are left out.

#include "Fuzz.h"

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <random>

using namespace llvm;
using namespace mlir;
using namespace moru;

/// Bounds on what a target works on; each a few times what any seed has.
static constexpr size_t kMaxBytes = 8 << 10, kMaxDepth = 32, kMaxOps = 200;
static constexpr int64_t kMaxElements = 1 << 14;

/// The parser calls itself for every bracket.
static bool nestsDeeply(StringRef text) {
  size_t depth = 0, deepest = 0;
  for (char character : text) {
    if (StringRef("([{<").contains(character))
      deepest = std::max(deepest, ++depth);
    else if (StringRef(")]}>").contains(character) && depth)
      --depth;
  }
  return deepest > kMaxDepth;
}

static bool isSmall(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasRank())
    return true;
  int64_t elements = 1;
  for (int64_t size : shaped.getShape()) {
    if (size > kMaxElements)
      return false;
    elements *= std::max<int64_t>(size, 1);
    if (elements > kMaxElements)
      return false;
  }
  return true;
}

static bool isSmall(ModuleOp module) {
  size_t count = 0;
  return !module
              .walk([&](Operation *op) {
                bool small =
                    ++count <= kMaxOps && all_of(op->getResultTypes(), [](Type type) { return isSmall(type); });
                for (Region &region : op->getRegions())
                  for (Block &block : region)
                    small &= all_of(block.getArgumentTypes(), [](Type type) { return isSmall(type); });
                return small ? WalkResult::advance() : WalkResult::interrupt();
              })
              .wasInterrupted();
}

static std::string print(ModuleOp module) {
  std::string text;
  raw_string_ostream stream(text);
  module->print(stream);
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text = fuzz::asText(data, size).str(); // the parser wants a NUL behind it
  if (size > kMaxBytes || nestsDeeply(text))
    return 0;
  DialectRegistry registry;
  registry.insert<func::FuncDialect, graph::GraphDialect>();
  // No threads: a fuzzer is many processes.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  ParserConfig config(&context);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, config);
  if (!module || !isSmall(*module))
    return 0;
  std::string printed = print(*module);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(printed, config);
  fuzz::require(bool(again), "what is printed can be parsed");
  fuzz::require(print(*again) == printed, "a module survives its text");

  PassManager manager(&context);
  populateStages(manager, Stage::Graph, Stage::Simplified, PipelineOptions());
  if (succeeded(manager.run(*module)))
    fuzz::require(succeeded(verify(*module)), "passes leave a valid module");
  return 0;
}

#ifdef MORU_FUZZ

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// Changes whole lines, most of the time: a changed byte is hardly ever a program.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  std::minstd_rand random(seed);
  SmallVector<std::string> lines;
  SmallVector<StringRef> parts;
  fuzz::asText(data, size).split(parts, '\n');
  for (StringRef part : parts)
    lines.push_back(part.str());
  auto pick = [&] { return random() % lines.size(); };
  switch (random() % 8) {
  case 0: // a line again
    lines.insert(lines.begin() + long(pick()), std::string(lines[pick()]));
    break;
  case 1:
    lines.erase(lines.begin() + long(pick()));
    break;
  case 2:
    std::swap(lines[pick()], lines[pick()]);
    break;
  case 3:
  case 4: { // another digit
    std::string &line = lines[pick()];
    if (size_t place = line.find_first_of("0123456789", line.empty() ? 0 : random() % line.size());
        place != std::string::npos)
      line[place] = char('0' + random() % 10);
    break;
  }
  case 5: { // a word of another line
    StringRef from = lines[pick()];
    std::string &to = lines[pick()];
    SmallVector<StringRef> words, others;
    StringRef(to).split(words, ' ');
    from.split(others, ' ');
    words[random() % words.size()] = others[random() % others.size()];
    to = join(words, " ");
    break;
  }
  default:
    return LLVMFuzzerMutate(data, size, maxSize);
  }
  std::string text = join(lines, "\n");
  size_t length = std::min(text.size(), maxSize);
  std::memcpy(data, text.data(), length);
  return length;
}

#endif // MORU_FUZZ
