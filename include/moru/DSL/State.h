// What a model carries from call to call.

#ifndef MORU_DSL_STATE_H
#define MORU_DSL_STATE_H

#include "moru/DSL/Tensor.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moru {

/// Named tensors that a model carries from call to call, a tree of dotted names: `l0.h`, `l0.c`.
class State {
public:
  /// The tensor of that name; an empty one is added if there is none.
  Tensor &operator[](std::string_view name);
  /// The tensor of that name; none gives `Tensor()`, which is reported where it is used.
  Tensor operator[](std::string_view name) const;
  const std::vector<std::pair<std::string, Tensor>> &entries() const { return list; }
  std::vector<std::pair<std::string, Tensor>> &entries() { return list; }
  bool empty() const { return list.empty(); }

  /// Keys and values, [rows, positions, …]: each step of decoding writes one position and changes no other. Where a
  /// sequence goes on from what another one was, such an entry stays as it is; the entry `kRows` says in which of its
  /// rows a sequence finds each position.
  void markCache(std::string_view name) { caches.emplace_back(name); }
  bool isCache(std::string_view name) const;
  /// [rows, positions] i32, of a state whose sequences go on from one another.
  static constexpr std::string_view kRows = "cache.rows";

private:
  std::vector<std::pair<std::string, Tensor>> list;
  std::vector<std::string> caches;
};

} // namespace moru

#endif // MORU_DSL_STATE_H
