//===- ExamplesTest.cpp - the examples of the references ------------------===//
// Every operation and every pass has an example in its description, as the generated pages show it. An operation's is
// parsed. A pass is run on what stands below `// before`, or on all of the example, and the lines below `// after` are
// looked for in what comes out, in their order: `%name` stands for the same value everywhere, `…` for any text.
//===----------------------------------------------------------------------===//

#include "moru/Pipeline/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

using namespace mlir;
using llvm::Regex;

namespace {

constexpr StringLiteral kEllipsis = "…";

//===----------------------------------------------------------------------===//
// Pages
//===----------------------------------------------------------------------===//

/// What a page says about one operation or pass.
struct Section {
  std::string name;
  SmallVector<std::string> examples;
};

SmallVector<std::string> findExamples(StringRef text) {
  SmallVector<std::string> examples;
  while (true) {
    auto [before, after] = text.split("```mlir\n");
    if (after.empty())
      return examples;
    auto [example, rest] = after.split("```");
    examples.push_back(example.str());
    text = rest;
  }
}

/// The sections of all pages whose titles match: "### `graph.add` (…)", "### `-kernel-plan`".
std::vector<Section> readSections(const char *title) {
  std::vector<Section> sections;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(MORU_DOCS_FOLDER, error), end; file != end && !error;
       file.increment(error)) {
    auto page = llvm::MemoryBuffer::getFile(file->path());
    SmallVector<StringRef> parts;
    (*page)->getBuffer().split(parts, "\n### ");
    for (StringRef part : llvm::drop_begin(parts)) {
      SmallVector<StringRef> matches;
      if (Regex(title).match(part.split('\n').first, &matches))
        sections.push_back({matches[1].str(), findExamples(part)});
    }
  }
  return sections;
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

/// The names that an example uses and does not define.
std::set<std::string> findFreeNames(StringRef example) {
  std::set<std::string> used, defined;
  Regex token("%[A-Za-z0-9_]+");
  SmallVector<StringRef> lines;
  example.split(lines, '\n');
  for (StringRef line : lines) {
    bool isLeft = line.trim().starts_with("%");
    StringRef left = isLeft ? line.split(" = ").first : "", rest = isLeft ? line.split(" = ").second : line;
    SmallVector<StringRef> matches;
    for (StringRef text = left; token.match(text, &matches);
         text = text.drop_front(text.find(matches[0]) + matches[0].size()))
      defined.insert(matches[0].str());
    for (StringRef text = rest; token.match(text, &matches);) {
      size_t place = text.find(matches[0]);
      StringRef before = text.take_front(place);
      text = text.drop_front(place + matches[0].size());
      // `%h = %h0` within a line binds a body's argument, `%x: type` a function's, `loop %t to` and `step %t` a step.
      bool binds =
          text.starts_with(" = ") || text.starts_with(": ") || text.starts_with(" to ") || before.ends_with("step ");
      (binds ? defined : used).insert(matches[0].str());
    }
  }
  for (const std::string &value : defined)
    used.erase(value);
  return used;
}

class Examples : public ::testing::Test {
protected:
  Examples() : context(makeRegistry()) {
    context.loadAllAvailableDialects();
    context.allowUnregisteredDialects();
  }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    moru::registerDialects(registry);
    return registry;
  }

  /// Parses an example with its free names declared as results of `test.value`: what the parser says of a name's type
  /// at its use is the type it gets.
  OwningOpRef<ModuleOp> parse(StringRef example, bool verify) {
    Regex type("previously used here with type '([^']+)'"), name("SSA value '(%[^'#]+)");
    std::set<std::string> free = findFreeNames(example);
    std::map<std::string, std::string> types;
    // Every failed attempt teaches one type.
    for (size_t attempt = 0; attempt <= free.size() + 1; ++attempt) {
      std::string declarations;
      for (const std::string &value : free)
        declarations += value + " = \"test.value\"() : () -> " + (types.count(value) ? types[value] : "none") + "\n";
      std::string lastName;
      messages.clear();
      ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
        SmallVector<StringRef> matches;
        std::string message = diagnostic.str();
        messages += message + "\n";
        if (name.match(message, &matches))
          lastName = matches[1].str();
        for (Diagnostic &note : diagnostic.getNotes()) {
          std::string text = note.str();
          messages += text + "\n";
          if (type.match(text, &matches))
            types[lastName] = matches[1].str();
        }
        return success();
      });
      // The body of a module is a graph region: a name may be used before it is declared.
      if (auto module =
              parseSourceString<ModuleOp>(example.str() + "\n" + declarations, ParserConfig(&context, verify)))
        return module;
    }
    return nullptr;
  }

  MLIRContext context;
  std::string messages;
};

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// Puts what stands in the module's body into a function: declared values become its arguments, and what nothing uses
/// its results. A module of functions stays as it is.
void wrapInFunction(ModuleOp module) {
  if (!module.getOps<func::FuncOp>().empty())
    return;
  SmallVector<Operation *> declared, rest;
  for (Operation &op : *module.getBody())
    (op.getName().getStringRef() == "test.value" ? declared : rest).push_back(&op);
  SmallVector<Type> inputs, outputs;
  for (Operation *op : declared)
    inputs.push_back(op->getResult(0).getType());
  SmallVector<Value> results;
  for (Operation *op : rest)
    for (Value result : op->getResults())
      if (result.use_empty())
        results.push_back(result);
  for (Value result : results)
    outputs.push_back(result.getType());
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), "example", builder.getFunctionType(inputs, outputs));
  Block *body = function.addEntryBlock();
  for (auto [op, argument] : llvm::zip_equal(declared, body->getArguments())) {
    op->getResult(0).replaceAllUsesWith(argument);
    op->erase();
  }
  for (Operation *op : rest)
    op->moveBefore(body, body->end());
  builder.setInsertionPointToEnd(body);
  func::ReturnOp::create(builder, module.getLoc(), results);
}

/// Looks for the lines of a pattern in a text, in their order.
class Matcher {
public:
  explicit Matcher(StringRef text) { text.split(lines, '\n'); }

  /// The first line of `pattern` that is not there, or "".
  std::string findMissing(StringRef pattern) {
    SmallVector<StringRef> wanted;
    pattern.split(wanted, '\n');
    size_t next = 0;
    for (StringRef line : wanted) {
      line = line.trim();
      if (line.empty() || line == kEllipsis || line.starts_with("//"))
        continue;
      while (next < lines.size() && !matches(lines[next].trim(), line))
        ++next;
      if (next++ == lines.size())
        return line.str();
    }
    return "";
  }

private:
  bool matches(StringRef line, StringRef pattern) {
    std::string expression = "^";
    SmallVector<std::string> names; // bound by this line, in the order of their groups
    while (!pattern.empty()) {
      if (pattern.consume_front(kEllipsis)) {
        expression += ".*";
      } else if (pattern.front() == '%') {
        std::string name = pattern.take_front(1 + pattern.drop_front().find_if_not(isNameCharacter)).str();
        pattern = pattern.drop_front(std::min(name.size(), pattern.size()));
        auto place = llvm::find(names, name);
        if (values.count(name)) {
          expression += Regex::escape(values[name]);
        } else if (place != names.end()) {
          expression += "\\" + std::to_string(place - names.begin() + 1);
        } else {
          names.push_back(name);
          expression += "(%[A-Za-z0-9_]+)";
        }
      } else {
        expression += Regex::escape(pattern.take_front());
        pattern = pattern.drop_front();
      }
    }
    SmallVector<StringRef> groups;
    if (!Regex(expression + "$").match(line, &groups))
      return false;
    for (auto [index, name] : llvm::enumerate(names))
      values[name] = groups[index + 1].str();
    return true;
  }

  static bool isNameCharacter(char c) { return llvm::isAlnum(c) || c == '_'; }

  SmallVector<StringRef> lines;
  std::map<std::string, std::string> values;
};

/// Without the ellipses that stand for code.
std::string withoutEllipses(StringRef example) {
  std::string text;
  for (StringRef rest = example; !rest.empty();) {
    auto [before, after] = rest.split(kEllipsis);
    text += before;
    rest = after;
  }
  return text;
}

} // namespace

TEST_F(Examples, EveryOperationHasOneThatParses) {
  std::set<std::string> seen;
  for (const Section &section : readSections("^`((graph|kernel)\\.[a-z_0-9]+)`")) {
    SCOPED_TRACE(section.name);
    seen.insert(section.name);
    EXPECT_FALSE(section.examples.empty()) << "its description has no ```mlir example";
    std::optional<RegisteredOperationName> name = RegisteredOperationName::lookup(section.name, &context);
    ASSERT_TRUE(name);
    for (StringRef example : section.examples) {
      EXPECT_NE(example.find(section.name), StringRef::npos) << "its example does not show it";
      // What is elided, or ends something else, cannot be verified.
      bool verify = !name->hasTrait<OpTrait::IsTerminator>() && !example.contains(kEllipsis);
      EXPECT_TRUE(parse(withoutEllipses(example), verify)) << example.str() << messages;
    }
  }
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "graph" || name.getDialectNamespace() == "kernel")
      EXPECT_TRUE(seen.count(name.getStringRef().str())) << name.getStringRef().str() << " is on no page";
}

TEST_F(Examples, EveryPassDoesWhatItsExampleSays) {
  moru::registerPasses();
  std::vector<Section> sections = readSections("^`-([a-z-]+)`");
  EXPECT_GE(sections.size(), 9u);
  for (const Section &section : sections) {
    SCOPED_TRACE(section.name);
    EXPECT_FALSE(section.examples.empty()) << "its description has no ```mlir example";
    for (StringRef example : section.examples) {
      auto [before, after] = example.split("// after");
      OwningOpRef<ModuleOp> module = parse(before, /*verify=*/false);
      ASSERT_TRUE(module) << before.str() << messages;
      wrapInFunction(*module);
      messages.clear();
      ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
        messages += diagnostic.str() + "\n";
        return success();
      });
      ASSERT_TRUE(succeeded(verify(*module))) << before.str() << messages;
      PassManager manager(&context);
      // A pass of functions or one of modules.
      ASSERT_TRUE(succeeded(parsePassPipeline("func.func(" + section.name + ")", manager, llvm::nulls())) ||
                  succeeded(parsePassPipeline(section.name, manager)));
      ASSERT_TRUE(succeeded(manager.run(*module))) << before.str() << messages;
      std::string text;
      llvm::raw_string_ostream stream(text);
      module->print(stream);
      // The rest of the line of `// after` is words.
      EXPECT_EQ(Matcher(text).findMissing(after.split('\n').second), "") << "is not in\n" << text;
    }
  }
}
