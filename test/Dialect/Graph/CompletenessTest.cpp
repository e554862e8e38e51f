//===- CompletenessTest.cpp - what an operation still lacks ---------------===//
// Enumerates the operations of the dialect and says, for each, what has not been written yet: the word on its gradient,
// a description with an example that parses, a lit test, a reference evaluator.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/Graph.h"
#include "moru/Reference/Evaluator.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace moru::graph;

namespace {

std::string readFile(const llvm::Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  EXPECT_TRUE(buffer) << path.str();
  return buffer ? (*buffer)->getBuffer().str() : "";
}

class Completeness : public ::testing::Test {
protected:
  Completeness() { context.loadDialect<GraphDialect, func::FuncDialect>(); }

  /// The operations of the dialect; terminators are judged with the operation they end.
  SmallVector<RegisteredOperationName> operations(bool withTerminators) {
    SmallVector<RegisteredOperationName> names;
    for (RegisteredOperationName name : context.getRegisteredOperations())
      if (name.getDialectNamespace() == "graph" && (withTerminators || !name.hasTrait<OpTrait::IsTerminator>()))
        names.push_back(name);
    return names;
  }

  /// The section of the generated documentation about `name`.
  static StringRef section(StringRef documentation, StringRef name) {
    StringRef rest = documentation.split(("### `" + name + "` ").str()).second;
    return rest.substr(0, rest.find("\n### "));
  }

  /// Parses `example` with its free names declared: what the parser says of a name's type at its use is the type it
  /// gets.
  LogicalResult parseExample(StringRef example, bool verify, std::string &messages) {
    llvm::Regex type("previously used here with type '([^']+)'"), name("SSA value '(%[^'#]+)");
    std::string declarations;
    std::set<std::string> free = findFreeNames(example);
    std::map<std::string, std::string> types;
    // Every failed attempt teaches one type.
    for (size_t attempt = 0; attempt <= free.size() + 1; ++attempt) {
      declarations.clear();
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
      if (parseSourceString<ModuleOp>(example.str() + "\n" + declarations, ParserConfig(&context, verify)))
        return success();
    }
    return failure();
  }

  /// The names that an example uses and does not define.
  static std::set<std::string> findFreeNames(StringRef example) {
    std::set<std::string> used, defined;
    llvm::Regex token("%[A-Za-z0-9_]+");
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
        text = text.drop_front(text.find(matches[0]) + matches[0].size());
        // `%h = %h0` within a line binds a body's argument, `%x: type` a function's.
        (text.starts_with(" = ") || text.starts_with(": ") ? defined : used).insert(matches[0].str());
      }
    }
    for (const std::string &value : defined)
      used.erase(value);
    return used;
  }

  static SmallVector<StringRef> findExamples(StringRef text) {
    SmallVector<StringRef> examples;
    while (true) {
      auto [before, after] = text.split("```mlir\n");
      if (after.empty())
        return examples;
      auto [example, rest] = after.split("```");
      examples.push_back(example);
      text = rest;
    }
  }

  MLIRContext context;
};

TEST_F(Completeness, EveryOperationSaysWhetherItHasAGradient) {
  for (RegisteredOperationName name : operations(false))
    if (name.hasInterface<DecomposableOpInterface>())
      EXPECT_FALSE(name.hasInterface<NonDifferentiableOpInterface>())
          << name.getStringRef().str() << " is differentiated through its decomposition";
    else
      EXPECT_TRUE(name.hasInterface<DifferentiableOpInterface>() != name.hasInterface<NonDifferentiableOpInterface>())
          << name.getStringRef().str() << " needs exactly one of Graph_Differentiable and Graph_NotDifferentiable";
}

TEST_F(Completeness, EveryOperationHasAnExampleThatParses) {
  context.allowUnregisteredDialects();
  std::string documentation = readFile(MORU_OPS_DOC);
  for (RegisteredOperationName name : operations(true)) {
    SCOPED_TRACE(name.getStringRef().str());
    auto examples = findExamples(section(documentation, name.getStringRef()));
    EXPECT_FALSE(examples.empty()) << "its description in Graph*Ops.td has no ```mlir example";
    for (StringRef example : examples) {
      EXPECT_NE(example.find(name.getStringRef()), StringRef::npos) << "its example does not show it";
      std::string messages;
      EXPECT_TRUE(succeeded(parseExample(example, !name.hasTrait<OpTrait::IsTerminator>(), messages)))
          << example.str() << messages;
    }
  }
}

TEST_F(Completeness, EveryOperationIsInALitTest) {
  std::string tests;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(MORU_TEST_FOLDER, error), end; file != end && !error;
       file.increment(error))
    if (llvm::sys::path::extension(file->path()) == ".mlir")
      tests += readFile(file->path());
  for (RegisteredOperationName name : operations(true))
    EXPECT_TRUE(llvm::Regex("graph\\." + name.getStringRef().split('.').second.str() + "[^a-z_]").match(tests))
        << name.getStringRef().str() << " is in no .mlir file of test/Dialect/Graph";
}

TEST_F(Completeness, EveryOperationHasAReferenceEvaluator) {
  for (RegisteredOperationName name : operations(false))
    if (name.getStringRef() != GradientOp::getOperationName()) // Expanded before it is evaluated.
      EXPECT_TRUE(moru::reference::hasEvaluator(name)) << name.getStringRef().str() << " is missing from lib/Reference";
}

} // namespace
