// Formatting of numbers and tables.

#include "moru/Support/Format.h"

#include "moru/Support/Unicode.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <utf8proc.h>

using namespace llvm;

namespace moru {

static std::string print(const char *format, double value) {
  char buffer[64];
  int length = std::snprintf(buffer, sizeof buffer, format, value);
  return std::string(buffer, size_t(std::clamp(length, 0, int(sizeof buffer) - 1)));
}

std::string formatCount(int64_t count) {
  std::string digits = std::to_string(count);
  size_t first = count < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3; i -= 3)
    digits.insert(i - 3, ",");
  return digits;
}

std::string formatBytes(uint64_t bytes) {
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  double size = double(bytes);
  size_t unit = 0;
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  while (size >= 1023.95 && unit + 1 < std::size(units)) { // from here on one decimal would round to 1024.0
    size /= 1024;
    ++unit;
  }
  return print("%.1f ", size) + units[unit];
}

std::string formatDuration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9)
    return "?";
  if (seconds < 9.95)
    return print("%.1f s", seconds);
  auto whole = int64_t(std::llround(seconds));
  if (whole < 60)
    return std::to_string(whole) + " s";
  char buffer[48];
  if (whole < 3600)
    std::snprintf(buffer, sizeof buffer, "%d min %02d s", int(whole / 60), int(whole % 60));
  else
    std::snprintf(buffer, sizeof buffer, "%lld h %02d min", (long long)(whole / 3600), int(whole / 60 % 60));
  return buffer;
}

std::string formatNumber(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
  double magnitude = std::fabs(value);
  // %g turns to exponents above 10^digits and below 1e-4; a person reads 850553 more easily.
  if (magnitude >= std::pow(10.0, digits) && magnitude < 1e15)
    std::snprintf(buffer, sizeof buffer, "%.0f", value);
  return buffer;
}

size_t displayWidth(StringRef text) {
  if (findInvalidUtf8(text))
    return text.size();
  size_t width = 0;
  while (!text.empty())
    width += size_t(std::max(0, utf8proc_charwidth(int32_t(takeCodePoint(text)))));
  return width;
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

void Table::add(std::vector<std::string> row) {
  assert(row.size() == rows.front().size() && "as many cells as the heading");
  rows.push_back(std::move(row));
}

/// Whether a cell reads as a number, so that it belongs to the right.
static bool looksNumeric(StringRef cell) {
  return !cell.empty() &&
         (isDigit(cell.front()) || (cell.size() > 1 && StringRef("+-.").contains(cell.front()) && isDigit(cell[1])));
}

std::vector<std::string> Table::formatRow(size_t row) const {
  std::vector<std::string> cells;
  for (size_t column = 0; column < rows.front().size(); ++column) {
    size_t width = 0;
    for (const std::vector<std::string> &other : rows)
      width = std::max(width, displayWidth(other[column]));
    const std::string &cell = rows[row][column];
    std::string padding(width - displayWidth(cell), ' ');
    bool right = rows.size() > 1 && std::all_of(rows.begin() + 1, rows.end(), [&](const auto &other) {
                   return other[column].empty() || looksNumeric(other[column]);
                 });
    cells.push_back(right ? padding + cell : cell + padding);
  }
  return cells;
}

void Table::print(raw_ostream &stream) const {
  for (size_t row = 0; row < rows.size(); ++row) {
    std::string line;
    for (const std::string &cell : formatRow(row))
      line += (line.empty() ? "" : "  ") + cell;
    stream << StringRef(line).rtrim(' ') << '\n';
  }
}

void printJsonLine(raw_ostream &stream, const json::Value &value) {
  stream << value << '\n';
  stream.flush();
}

} // namespace moru
