// Charts as HTML: lines and marks in SVG, and heat maps as tables.

#ifndef MORU_REPORT_CHARTS_H
#define MORU_REPORT_CHARTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <utility>
#include <vector>

namespace moru {

/// What a chart shows.
struct ChartAxes {
  std::string title, x, y;
};

/// One line of a chart. Points that are no numbers are left out; of very many their means are drawn.
struct ChartLine {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// Lines over one pair of axes. Without any point it says so.
std::string lineChart(const ChartAxes &axes, llvm::ArrayRef<ChartLine> lines);

/// A named place.
struct ChartMark {
  double x = 0, y = 0;
  std::string label;
};

/// Names where their places are; only distances mean something, so there are no axes.
std::string markChart(llvm::StringRef title, llvm::ArrayRef<ChartMark> marks);

/// A weight from 0 to 1 for each row and column; `weights` has row after row.
struct HeatMap {
  std::string title;
  std::vector<std::string> rows, columns;
  std::vector<double> weights;
};

std::string heatMap(const HeatMap &map);

/// Numbers from at most `low` to at least `high` at distances of 1, 2 or 5 times a power of ten, some five of them.
std::vector<double> axisTicks(double low, double high);

} // namespace moru

#endif // MORU_REPORT_CHARTS_H
