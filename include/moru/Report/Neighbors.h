// Rows of a table as directions: which ones are near another, and where they lie on the plane that shows most of them.

#ifndef MORU_REPORT_NEIGHBORS_H
#define MORU_REPORT_NEIGHBORS_H

#include "moru/Support/HostTensor.h"

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace moru {

struct Neighbor {
  int64_t row = 0;
  /// From -1 to 1.
  double cosine = 0;
};

/// The `count` rows from `first` on whose direction is nearest to that of `row`, the nearest first (ties: the lower
/// row), itself left out. A row of zeros has no direction and is near none. table [rows, dim].
std::vector<Neighbor> nearestRows(const HostTensor &table, int64_t row, size_t count, int64_t first = 0);

/// Coordinates of some rows along the two directions in which these differ most (principal components); 0 where there
/// is no such direction.
std::vector<std::pair<double, double>> principalPlane(const HostTensor &table, llvm::ArrayRef<int64_t> rows);

} // namespace moru

#endif // MORU_REPORT_NEIGHBORS_H
