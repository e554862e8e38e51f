//===- Program.cpp - programs, their text and their mistakes --------------===//
// The public face of a trace.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Program.h"
#include "Trace.h"
#include "moru/DSL/ProgramModule.h"

#include "moru/Support/Files.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace moru {

std::string Diagnostic::toString() const { return file + ":" + std::to_string(line) + ": " + message; }

//===----------------------------------------------------------------------===//
// Function
//===----------------------------------------------------------------------===//

Tensor Function::input(const TensorType &type, Here at) {
  return trace.addArgument(graph::GraphDialect::kInputRole, type, at);
}

Tensor Function::state(std::string_view name, const TensorType &type, Here at) {
  return trace.addArgument(graph::GraphDialect::kStateRole, type.named(name), at);
}

void Function::update(const Tensor &target, const Tensor &value, Here at) { trace.update(target, value, at); }

void Function::output(std::string_view name, const Tensor &value, Here at) { trace.output(name, value, at); }

void Function::fail(std::string_view message, Here at) { trace.error(at, Twine(message)); }

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

Program::Program() : impl(std::make_unique<detail::ProgramImpl>()) {}
Program::Program(Program &&) noexcept = default;
Program &Program::operator=(Program &&) noexcept = default;
Program::~Program() = default;

bool Program::function(std::string_view name, const std::function<void(Function &)> &body, Here at) {
  if (impl->module->lookupSymbol(name)) {
    impl->error(at, "function \"" + std::string(name) + "\": this name is taken");
    return false;
  }
  detail::Trace trace(*impl, name, at);
  Function function(trace);
  body(function);
  return trace.finish();
}

const std::vector<Diagnostic> &Program::errors() const { return impl->errors; }

std::string Program::errorText() const {
  std::string text;
  for (const Diagnostic &diagnostic : impl->errors)
    text += diagnostic.toString() + "\n";
  if (impl->errorCount > impl->errors.size())
    text += "… and " + std::to_string(impl->errorCount - impl->errors.size()) + " more\n";
  return text;
}

std::vector<std::string> Program::functions() const {
  std::vector<std::string> names;
  for (auto function : impl->module->getOps<func::FuncOp>())
    if (function.isPublic())
      names.push_back(function.getName().str());
  return names;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string printModule(ModuleOp module, bool locations, bool pretty) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.printNameLocAsPrefix();
  if (locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/pretty);
  if (pretty)
    flags.useLocalScope();
  module->print(stream, flags);
  stream << "\n";
  return text;
}

std::string Program::print(const PrintOptions &options) const {
  return printModule(*impl->module, options.locations, /*pretty=*/true);
}

Result<void> Program::save(const std::string &path) const {
  if (!ok())
    return Failure{path + ": not written, the program has mistakes:\n" + errorText()};
  if (llvm::Error error = writeFile(path, printModule(*impl->module, /*locations=*/true, /*pretty=*/false)))
    return Failure{llvm::toString(std::move(error))};
  return {};
}

Result<Program> Program::load(const std::string &path) {
  llvm::Expected<std::string> text = readFile(path);
  if (!text)
    return Failure{llvm::toString(text.takeError())};
  return parse(*text, path);
}

Result<Program> Program::parse(std::string_view text, std::string_view name) {
  Program program;
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, name), llvm::SMLoc());
  std::string messages;
  {
    // Messages as a compiler's, with the line and a caret.
    llvm::raw_string_ostream stream(messages);
    SourceMgrDiagnosticHandler handler(sources, &program.impl->context, stream);
    program.impl->module = parseSourceFile<ModuleOp>(sources, &program.impl->context);
  }
  if (!program.impl->module)
    return Failure{messages.empty() ? std::string(name) + ": not a module" : messages};
  return program;
}

ModuleOp moduleOf(const Program &program) { return *program.get()->module; }

} // namespace moru
