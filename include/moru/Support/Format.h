// Numbers, sizes, times and tables for people.

#ifndef MORU_SUPPORT_FORMAT_H
#define MORU_SUPPORT_FORMAT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <string>
#include <vector>

namespace moru {

/// `850,553`.
std::string formatCount(int64_t count);
/// `512 B`, `1.5 KiB`, `12.3 MiB`.
std::string formatBytes(uint64_t bytes);
/// `0.8 s`, `42 s`, `3 min 07 s`, `2 h 05 min`.
std::string formatDuration(double seconds);
/// As many significant digits as asked for, without an exponent where that stays readable: `1.33`, `0.00012`,
/// `1.2e-09`.
std::string formatNumber(double value, int digits = 4);
/// Columns that text takes on a terminal; wide characters (CJK) take two.
size_t displayWidth(llvm::StringRef text);

/// Rows under a heading, columns as wide as they need: text to the left, numbers to the right.
class Table {
public:
  explicit Table(std::vector<std::string> heading) : rows{std::move(heading)} {}
  /// As many cells as the heading has.
  void add(std::vector<std::string> row);
  void print(llvm::raw_ostream &stream) const;

private:
  std::vector<std::string> formatRow(size_t row) const;
  std::vector<std::vector<std::string>> rows;
};

/// One value on one line, and a flush, so that a reader of a pipe has it at once.
void printJsonLine(llvm::raw_ostream &stream, const llvm::json::Value &value);

} // namespace moru

#endif // MORU_SUPPORT_FORMAT_H
