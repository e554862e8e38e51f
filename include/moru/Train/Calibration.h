// What a machine can do at best, measured by loops that are compiled as kernels are: what the times of steps and
// kernels are compared with.

#ifndef MORU_TRAIN_CALIBRATION_H
#define MORU_TRAIN_CALIBRATION_H

#include "moru/Compiler/CompileOptions.h"
#include "moru/Support/KernelCost.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <string>
#include <vector>

namespace moru {

/// How fast a working set is read again and again.
struct ReadRate {
  int64_t bytes = 0;
  double bytesPerSecond = 0;
};

/// The least time that work can take, and what the limit is.
struct Roofline {
  double seconds = 0;
  /// "multiply-add", "matrix units", or the working set that is read: "reading 2.0 MiB".
  std::string limit;
};

/// Peaks of all threads together, each the median of several measurements.
struct Calibration {
  /// Of f32, multiply and add; of bf16 on matrix units, 0 where there are none.
  double vectorFlops = 0, tileFlops = 0;
  /// From the smallest working set (in the second-level caches) to the largest (in memory).
  std::vector<ReadRate> reads;

  /// How fast a working set of that size is read: as the smallest measured one that is not clearly smaller.
  const ReadRate &readOf(int64_t workingSet) const;
  /// The roofline of a kernel. What parameters hold comes from where all of `stepBytes` lie, what a step touches;
  /// buffers of the arena may have stayed in a nearer cache, so they come from the one that holds the kernel's bytes.
  Roofline boundOf(const KernelCost &cost, int64_t stepBytes) const;
  /// `{"fma_gflops", "tile_gflops", "reads": [{"bytes", "gbs"}]}`.
  llvm::json::Object toJson() const;
};

/// Means of two calibrations of the same working sets.
Calibration meanOf(const Calibration &a, const Calibration &b);

/// Measures, in about a third of a second, on so many threads, with the target of the options: second-level caches,
/// 10 MB, `stepBytes` where it is well apart from both ends, and memory.
llvm::Expected<Calibration> calibrate(const CompileOptions &options, int32_t threads, int64_t stepBytes);

/// What is known before and after something was measured.
class CalibratedRun {
public:
  /// Measures once more: before the first, and after the last of what is compared. Needs memory of its own, which
  /// `peakMegabytes` leaves out.
  llvm::Error calibrate(const CompileOptions &options, int32_t threads, int64_t stepBytes);
  /// The mean of before and after; null where nothing was measured.
  const Calibration *get() const { return mean ? &*mean : nullptr; }
  /// `{"before": …, "after": …}`.
  llvm::json::Object toJson() const;
  /// The most memory that the process had at any time but during a calibration.
  double peakMegabytes() const;

private:
  std::optional<Calibration> before, after, mean;
  double peak = 0;
};

} // namespace moru

#endif // MORU_TRAIN_CALIBRATION_H
