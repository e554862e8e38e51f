//===- ProgramTable.h - tables beside a printed program ---------*- C++ -*-===//
// What the tables of what is kept and of what lies where have in common.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_GRAPH_PROGRAMTABLE_H
#define MORU_DIALECT_GRAPH_PROGRAMTABLE_H

#include "moru/Support/Format.h"

#include "mlir/IR/Location.h"

namespace moru::graph {

/// The innermost author's line, as in `LstmLm.cpp:14`; empty where there is none.
std::string describeLine(mlir::Location loc);

/// A table as comments of a program.
void printAsComments(const Table &table, llvm::raw_ostream &stream);

} // namespace moru::graph

#endif // MORU_DIALECT_GRAPH_PROGRAMTABLE_H
