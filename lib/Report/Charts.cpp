// Charts as HTML.

#include "moru/Report/Charts.h"

#include "moru/Report/Page.h"
#include "moru/Support/Format.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace llvm;

namespace moru {

/// Of the drawing and the room beside it for numbers, in pixels.
static constexpr double kWidth = 640, kHeight = 280, kLeft = 60, kRight = 20, kTop = 30, kBottom = 45;
/// Points of a line: more than there are pixels between them show nothing.
static constexpr size_t kMostPoints = 320;
/// Colors that are told apart by most color-blind people, too.
static constexpr const char *kColors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

std::vector<double> axisTicks(double low, double high) {
  assert(std::isfinite(low) && std::isfinite(high) && low <= high && "a range of numbers");
  // A range of one number gets room around it.
  double width = high > low ? high - low : std::max(std::abs(high), 1.0);
  double power = std::pow(10, std::floor(std::log10(width / 4))), step = power;
  for (double factor : {2.0, 5.0, 10.0})
    if (width / step > 6)
      step = factor * power;
  std::vector<double> ticks;
  for (double k = std::floor(low / step); ticks.empty() || ticks.back() < high || ticks.size() < 2; ++k)
    ticks.push_back(k * step);
  return ticks;
}

namespace {

/// From numbers to pixels.
struct Scale {
  std::vector<double> ticks;
  double from, to;
  Scale(double low, double high, double from, double to) : ticks(axisTicks(low, high)), from(from), to(to) {}
  double at(double value) const {
    return from + (value - ticks.front()) / (ticks.back() - ticks.front()) * (to - from);
  }
};

} // namespace

static std::string textAt(double x, double y, StringRef anchor, StringRef text) {
  return formatv("<text x=\"{0:F1}\" y=\"{1:F1}\" text-anchor=\"{2}\">{3}</text>\n", x, y, anchor, escapeHtml(text))
      .str();
}

static std::string beginDrawing(StringRef title) {
  return formatv("<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" font-family=\"sans-serif\" "
                 "font-size=\"12\" fill=\"#333\">\n",
                 int(kWidth), int(kHeight))
             .str() +
         formatv("<text x=\"{0}\" y=\"16\" font-size=\"14\">{1}</text>\n", kLeft, escapeHtml(title)).str();
}

static std::string drawAxes(const Scale &x, const Scale &y, const ChartAxes &axes) {
  std::string drawing;
  auto line = [&](double x1, double y1, double x2, double y2) {
    drawing +=
        formatv("<line x1=\"{0:F1}\" y1=\"{1:F1}\" x2=\"{2:F1}\" y2=\"{3:F1}\" stroke=\"#ddd\"/>\n", x1, y1, x2, y2)
            .str();
  };
  for (double tick : y.ticks) {
    line(x.from, y.at(tick), x.to, y.at(tick));
    drawing += textAt(x.from - 6, y.at(tick) + 4, "end", formatNumber(tick, 4));
  }
  for (double tick : x.ticks) {
    line(x.at(tick), y.from, x.at(tick), y.from + 4);
    drawing += textAt(x.at(tick), y.from + 17, "middle", formatNumber(tick, 6));
  }
  drawing += textAt((x.from + x.to) / 2, y.from + 35, "middle", axes.x);
  return drawing + textAt(x.to, kTop - 12, "end", axes.y);
}

/// The finite points; of too many the means of as many neighbors as it takes.
static std::vector<std::pair<double, double>> pointsToDraw(const ChartLine &line) {
  std::vector<std::pair<double, double>> points, means;
  copy_if(line.points, std::back_inserter(points),
          [](const auto &point) { return std::isfinite(point.first) && std::isfinite(point.second); });
  size_t group = (points.size() + kMostPoints - 1) / kMostPoints;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    size_t count = std::min(group, points.size() - begin);
    std::pair<double, double> sum;
    for (size_t i = begin; i < begin + count; ++i)
      sum = {sum.first + points[i].first, sum.second + points[i].second};
    means.emplace_back(sum.first / double(count), sum.second / double(count));
  }
  return means;
}

static std::string drawLine(ArrayRef<std::pair<double, double>> points, const Scale &x, const Scale &y,
                            StringRef color) {
  std::string places;
  for (const auto &[a, b] : points)
    places += formatv("{0:F1},{1:F1} ", x.at(a), y.at(b)).str();
  // One point is no line.
  if (points.size() == 1)
    return formatv("<circle cx=\"{0:F1}\" cy=\"{1:F1}\" r=\"3\" fill=\"{2}\"/>\n", x.at(points[0].first),
                   y.at(points[0].second), color)
        .str();
  return formatv("<polyline points=\"{0}\" fill=\"none\" stroke=\"{1}\" stroke-width=\"1.5\"/>\n",
                 StringRef(places).rtrim(), color)
      .str();
}

static std::string drawNames(ArrayRef<ChartLine> lines) {
  std::string drawing;
  double x = kLeft + 120;
  for (auto [index, line] : enumerate(lines)) {
    if (lines.size() == 1)
      break;
    drawing += formatv("<rect x=\"{0:F1}\" y=\"8\" width=\"10\" height=\"10\" fill=\"{1}\"/>\n", x,
                       kColors[index % std::size(kColors)])
                   .str();
    drawing += textAt(x + 14, 17, "start", line.name);
    // About the width of its letters.
    x += 30 + 7 * double(displayWidth(line.name));
  }
  return drawing;
}

std::string lineChart(const ChartAxes &axes, ArrayRef<ChartLine> lines) {
  std::vector<std::vector<std::pair<double, double>>> all;
  std::vector<double> xs, ys;
  for (const ChartLine &line : lines) {
    all.push_back(pointsToDraw(line));
    for (const auto &[x, y] : all.back()) {
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  if (xs.empty())
    return "<p>" + escapeHtml(axes.title) + ": nothing to show</p>\n";
  auto [lowX, highX] = std::minmax_element(xs.begin(), xs.end());
  auto [lowY, highY] = std::minmax_element(ys.begin(), ys.end());
  Scale x(*lowX, *highX, kLeft, kWidth - kRight), y(*lowY, *highY, kHeight - kBottom, kTop);
  std::string drawing = beginDrawing(axes.title) + drawAxes(x, y, axes);
  for (auto [index, points] : enumerate(all))
    if (!points.empty())
      drawing += drawLine(points, x, y, kColors[index % std::size(kColors)]);
  return drawing + drawNames(lines) + "</svg>\n";
}

std::string markChart(StringRef title, ArrayRef<ChartMark> marks) {
  if (marks.empty())
    return "<p>" + escapeHtml(title) + ": nothing to show</p>\n";
  auto byX = [](const ChartMark &a, const ChartMark &b) { return a.x < b.x; };
  auto byY = [](const ChartMark &a, const ChartMark &b) { return a.y < b.y; };
  // Twice as high as other charts, for names to stand below one another.
  constexpr double kMapHeight = 640;
  Scale x(min_element(marks, byX)->x, max_element(marks, byX)->x, kRight, kWidth - kLeft);
  Scale y(min_element(marks, byY)->y, max_element(marks, byY)->y, kMapHeight - kRight, kTop);
  std::string drawing =
      formatv("<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" font-family=\"sans-serif\" "
              "font-size=\"11\" fill=\"#333\">\n",
              int(kWidth), int(kMapHeight))
          .str();
  for (const ChartMark &mark : marks) {
    drawing +=
        formatv("<circle cx=\"{0:F1}\" cy=\"{1:F1}\" r=\"2\" fill=\"{2}\"/>\n", x.at(mark.x), y.at(mark.y), kColors[0])
            .str();
    drawing += textAt(x.at(mark.x) + 4, y.at(mark.y) + 4, "start", mark.label);
  }
  return "<h3>" + escapeHtml(title) + "</h3>\n" + drawing + "</svg>\n";
}

std::string heatMap(const HeatMap &map) {
  assert(map.weights.size() == map.rows.size() * map.columns.size() && "one for each row and column");
  std::string table = "<h3>" + escapeHtml(map.title) + "</h3>\n<table class=\"heat\">\n<tr><th></th>";
  for (const std::string &column : map.columns)
    table += "<th>" + escapeHtml(column) + "</th>";
  table += "</tr>\n";
  for (auto [row, name] : enumerate(map.rows)) {
    table += "<tr><th>" + escapeHtml(name) + "</th>";
    for (double weight : ArrayRef(map.weights).slice(row * map.columns.size(), map.columns.size())) {
      // From white to blue; figures turn white where the ground is dark.
      double shade = std::clamp(weight, 0.0, 1.0);
      table += formatv("<td style=\"background: rgba(0, 114, 178, {0:F3}); color: {1}\">{2:F2}</td>", shade,
                       shade > 0.5 ? "#fff" : "#333", weight)
                   .str();
    }
    table += "</tr>\n";
  }
  return table + "</table>\n";
}

} // namespace moru
