//===- ProgramTable.cpp - tables beside a printed program -----------------===//
// Lines of authors, and tables as comments.
//===----------------------------------------------------------------------===//

#include "moru/Dialect/Graph/ProgramTable.h"

using namespace mlir;
using namespace moru;

std::string graph::describeLine(Location loc) {
  auto line = loc->findInstanceOf<FileLineColLoc>();
  return line ? (line.getFilename().getValue() + ":" + Twine(line.getLine())).str() : "";
}

void graph::printAsComments(const Table &table, llvm::raw_ostream &stream) {
  std::string text;
  llvm::raw_string_ostream lines(text);
  table.print(lines);
  for (StringRef rest = text; !rest.empty();) {
    auto [line, more] = rest.split('\n');
    stream << "//   " << line << "\n";
    rest = more;
  }
}
