//===- Reproducer.cpp - a failure that shows itself alone ------------------------===//
// Text in front of a program, and back.
//===----------------------------------------------------------------------===//

#include "moru/Check/Reproducer.h"

#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace moru;

std::string check::printReproducer(Operation *program, StringRef command, StringRef message) {
  std::string text = ("// RUN: " + command + "\n\n").str();
  for (StringRef line : llvm::split(message.trim(), '\n'))
    text += ("// " + line).str() + "\n";
  llvm::raw_string_ostream stream(text);
  // Locations would name another file.
  program->print(stream, OpPrintingFlags().useLocalScope());
  stream << "\n";
  return text;
}

llvm::Expected<std::string> check::leaveReproducer(Operation *program, StringRef command, StringRef message,
                                                   StringRef folder, StringRef stem) {
  std::string text = printReproducer(program, command, message);
  SmallString<128> path(folder);
  if (folder.empty())
    llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, path);
  else if (llvm::Error error = createFolder(folder))
    return error;
  llvm::sys::path::append(path, stem + "-" + xxh3Hex(text) + ".mlir");
  if (llvm::Error error = writeFile(path, text))
    return error;
  return path.str().str();
}

std::string check::findCommand(StringRef text) {
  std::string command;
  for (StringRef line : llvm::split(text, '\n')) {
    if (!line.ltrim().consume_front("//"))
      continue;
    line = line.ltrim().drop_front(2).ltrim();
    if (!line.consume_front("RUN:"))
      continue;
    bool continues = line.rtrim().ends_with("\\");
    command += (command.empty() ? "" : " ") + line.rtrim().rtrim('\\').trim().str();
    if (!continues)
      return command;
  }
  return command;
}

std::string check::findComments(StringRef text) {
  std::string comments;
  for (StringRef line : llvm::split(text, '\n'))
    if (line.starts_with("//"))
      comments += line.str() + "\n";
  return comments;
}
