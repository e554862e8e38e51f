// Rows of a table as directions.

#include "moru/Report/Neighbors.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace llvm;

namespace moru {

using Row = std::vector<double>;

static Row rowOf(const HostTensor &table, int64_t index) {
  Row row;
  for (int64_t i = 0; i < table.dim(1); ++i)
    row.push_back(table.at(index * table.dim(1) + i));
  return row;
}

static double dot(ArrayRef<double> a, ArrayRef<double> b) {
  double sum = 0;
  for (auto [x, y] : zip_equal(a, b))
    sum += x * y;
  return sum;
}

/// Of length 1, or of zeros as it is.
static Row normalized(Row row) {
  double length = std::sqrt(dot(row, row));
  for (double &entry : row)
    entry = length > 0 ? entry / length : 0;
  return row;
}

std::vector<Neighbor> nearestRows(const HostTensor &table, int64_t row, size_t count, int64_t first) {
  assert(table.rank() == 2 && row >= 0 && row < table.dim(0) && "a row of a table");
  Row direction = normalized(rowOf(table, row));
  std::vector<Neighbor> all;
  for (int64_t other = first; other < table.dim(0); ++other)
    if (other != row)
      all.push_back({other, dot(direction, normalized(rowOf(table, other)))});
  auto nearer = [](const Neighbor &a, const Neighbor &b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.row < b.row;
  };
  count = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + ptrdiff_t(count), all.end(), nearer);
  all.resize(count);
  return all;
}

/// The direction in which rows that are 0 on average differ most, by power iteration; zeros where they do not differ.
static Row principalDirection(ArrayRef<Row> rows, size_t dim) {
  // By then the share of a component of 9/10 of the greatest length is below a hundredth.
  constexpr int kIterations = 50;
  Row direction(dim);
  // Hardly orthogonal to what is looked for.
  for (size_t i = 0; i < dim; ++i)
    direction[i] = std::cos(double(i) + 1);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Row next(dim);
    for (const Row &row : rows) {
      double along = dot(row, direction);
      for (size_t i = 0; i < dim; ++i)
        next[i] += along * row[i];
    }
    direction = normalized(std::move(next));
  }
  return direction;
}

/// Coordinates along the principal direction, which the rows lose.
static Row takeCoordinates(std::vector<Row> &rows, size_t dim) {
  Row direction = principalDirection(rows, dim), coordinates;
  for (Row &row : rows) {
    coordinates.push_back(dot(row, direction));
    for (size_t i = 0; i < dim; ++i)
      row[i] -= coordinates.back() * direction[i];
  }
  return coordinates;
}

std::vector<std::pair<double, double>> principalPlane(const HostTensor &table, ArrayRef<int64_t> rows) {
  auto dim = size_t(table.dim(1));
  std::vector<Row> centered;
  Row mean(dim);
  for (int64_t row : rows) {
    centered.push_back(rowOf(table, row));
    for (size_t i = 0; i < dim; ++i)
      mean[i] += centered.back()[i] / double(rows.size());
  }
  for (Row &row : centered)
    for (size_t i = 0; i < dim; ++i)
      row[i] -= mean[i];
  Row x = takeCoordinates(centered, dim), y = takeCoordinates(centered, dim);
  std::vector<std::pair<double, double>> places;
  for (auto [a, b] : zip_equal(x, y))
    places.emplace_back(a, b);
  return places;
}

} // namespace moru
