// Time as it passes.

#ifndef MORU_SUPPORT_CLOCK_H
#define MORU_SUPPORT_CLOCK_H

#include <chrono>

namespace moru {

/// Never set back.
using Clock = std::chrono::steady_clock;

inline double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

} // namespace moru

#endif // MORU_SUPPORT_CLOCK_H
