// A model's configuration: keys with values, as in JSON. A model asks for the keys that it knows, with their defaults;
// a key that nobody asked for is an error that lists the known ones. Free of LLVM.

#ifndef MORU_DSL_CONFIG_H
#define MORU_DSL_CONFIG_H

#include "moru/Support/Result.h"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace moru {

/// Keys in the order in which they were set or asked for.
class Config {
public:
  using Value = std::variant<bool, int64_t, double, std::string>;

  /// From a JSON object of numbers, strings and truth values; `origin` names it in messages.
  static Result<Config> parse(std::string_view json, std::string_view origin = "configuration");
  /// Sets one key from `key=value`, as on the command line: true, false, a number, or else a string.
  Result<void> set(std::string_view assignment);
  void set(std::string_view key, Value value);
  /// True if the key has been given a value.
  bool has(std::string_view key) const;
  /// True if the model has asked for the key.
  bool knows(std::string_view key) const;
  /// Takes keys out, for a reader who knows that they do not matter; returns those that were there.
  std::vector<std::string> drop(std::initializer_list<std::string_view> keys);

  // Asking. A value of the wrong kind or out of bounds is kept as an error for `finish`, and the default is returned.
  int64_t integer(std::string_view key, int64_t preset, int64_t least = 1,
                  int64_t greatest = std::numeric_limits<int32_t>::max());
  double number(std::string_view key, double preset);
  bool flag(std::string_view key, bool preset);
  /// One of the choices; the first is the default.
  std::string choice(std::string_view key, std::initializer_list<std::string_view> choices);

  /// What was wrong with the keys that were asked for, one per line.
  Result<void> answers() const;
  /// Everything that was wrong: errors of asking, and keys that nobody asked for.
  Result<void> finish(std::string_view model) const;

  /// All keys that were asked for, defaults filled in: what a checkpoint stores.
  std::string toJson() const;

private:
  struct Entry {
    std::string key;
    Value value;
    bool given = false, asked = false;
  };
  Entry *find(std::string_view key);
  /// The entry of a key that is asked for; made with the preset if it is not there.
  Entry &ask(std::string_view key, Value preset);
  void reject(const Entry &entry, std::string_view expected);
  std::vector<Entry> entries;
  std::vector<std::string> errors;
};

} // namespace moru

#endif // MORU_DSL_CONFIG_H
