// Program code as bytes: every member one after the other, numbers as they lie in memory, lists and texts behind their
// length. Only this very compiler reads what it has written.

#include "moru/Compiler/ProgramCode.h"

#include <cstring>
#include <type_traits>

namespace moru {
namespace {

class Writer {
public:
  template <typename Number> void number(const Number &value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void text(const std::string &value) {
    number(value.size());
    bytes += value;
  }
  template <typename Items> void resize(const Items &items) { number(items.size()); }

  std::string bytes;
};

class Reader {
public:
  explicit Reader(std::string_view bytes) : rest(bytes) {}

  template <typename Number> void number(Number &value) {
    if (!(ok &= rest.size() >= sizeof value))
      return;
    std::memcpy(&value, rest.data(), sizeof value);
    rest.remove_prefix(sizeof value);
  }
  void text(std::string &value) {
    size_t size = length();
    value.assign(rest.data(), size);
    rest.remove_prefix(size);
  }
  template <typename Items> void resize(Items &items) { items.resize(length()); }

  bool isComplete() const { return ok && rest.empty(); }

private:
  /// No list has more entries than there are bytes left.
  size_t length() {
    size_t size = 0;
    number(size);
    ok &= size <= rest.size();
    return ok ? size : 0;
  }

  std::string_view rest;
  bool ok = true;
};

// One function for both ways; `Value` is const where it is written. The bindings name every member, so that one more of
// them does not compile until it is here, too.
template <typename Archive, typename Value> void visit(Archive &archive, Value &value) {
  using Type = std::remove_const_t<Value>;
  auto all = [&](auto &...members) { (visit(archive, members), ...); };
  if constexpr (std::is_arithmetic_v<Type> || std::is_enum_v<Type>) {
    archive.number(value);
  } else if constexpr (std::is_same_v<Type, std::string>) {
    archive.text(value);
  } else if constexpr (std::is_same_v<Type, KernelCost>) {
    auto &[flops, contractionFlops, products, bytes, residentBytes] = value;
    all(flops, contractionFlops, products, bytes, residentBytes);
  } else if constexpr (std::is_same_v<Type, KernelCode>) {
    auto &[name, cost] = value;
    all(name, cost);
  } else if constexpr (std::is_same_v<Type, ArgumentSignature>) {
    auto &[name, role, type, shape, lengths, minimum] = value;
    all(name, role, type, shape, lengths, minimum);
  } else if constexpr (std::is_same_v<Type, ResultSignature>) {
    auto &[name, type, shape, donated, lengths] = value;
    all(name, type, shape, donated, lengths);
  } else if constexpr (std::is_same_v<Type, FunctionSignature>) {
    auto &[name, arguments, results, arenaBytes] = value;
    all(name, arguments, results, arenaBytes);
  } else if constexpr (std::is_same_v<Type, ProgramSignature>) {
    auto &[functions] = value;
    all(functions);
  } else if constexpr (std::is_same_v<Type, ProgramCode>) {
    auto &[signature, kernels, objects] = value;
    all(signature, kernels, objects);
  } else {
    archive.resize(value);
    for (auto &item : value)
      visit(archive, item);
  }
}

} // namespace

std::string ProgramCode::toBytes() const {
  Writer writer;
  visit(writer, *this);
  return std::move(writer.bytes);
}

std::optional<ProgramCode> ProgramCode::fromBytes(std::string_view bytes) {
  Reader reader(bytes);
  ProgramCode code;
  visit(reader, code);
  if (!reader.isComplete())
    return std::nullopt;
  return code;
}

} // namespace moru
