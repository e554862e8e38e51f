// A value or the message of an error, for headers that know neither LLVM nor exceptions: the C++ graph language,
// compiled functions. Inside the compiler llvm::Expected is used instead.

#ifndef MORU_SUPPORT_RESULT_H
#define MORU_SUPPORT_RESULT_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace moru {

/// What went wrong: what, where, expected and got, what to do.
struct Failure {
  std::string message;
};

/// A `T`, or a Failure. `if (!result) report(result.message());`
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Failure failure) : text(std::move(failure.message)) {}

  explicit operator bool() const { return held.has_value(); }
  T &operator*() {
    assert(held && "a failed result has no value");
    return *held;
  }
  const T &operator*() const {
    assert(held && "a failed result has no value");
    return *held;
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }
  /// The value, moved out.
  T take() { return std::move(**this); }

  /// Empty where there is a value.
  const std::string &message() const { return text; }
  Failure failure() const { return {text}; }

private:
  std::optional<T> held;
  std::string text;
};

/// Success, or a Failure.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Failure failure) : failed(true), text(std::move(failure.message)) {}

  explicit operator bool() const { return !failed; }
  const std::string &message() const { return text; }
  Failure failure() const { return {text}; }

private:
  bool failed = false;
  std::string text;
};

} // namespace moru

#endif // MORU_SUPPORT_RESULT_H
