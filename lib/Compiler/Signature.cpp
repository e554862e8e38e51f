// Signatures: the checks across functions, and their JSON form.

#include "moru/Compiler/Signature.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace moru {

std::string_view toString(Role role) {
  switch (role) {
  case Role::Input:
    return "input";
  case Role::Parameter:
    return "parameter";
  case Role::State:
    return "state";
  case Role::Length:
    return "length";
  }
  return "";
}

std::string toString(const ArgumentSignature &argument) {
  if (argument.lengths.empty())
    return toString(argument.type, argument.shape);
  std::vector<std::string> axes;
  for (auto [name, size] : zip_equal(argument.lengths, argument.shape))
    axes.push_back((name.empty() ? "" : name + "<=") + std::to_string(size));
  return "[" + join(axes, ", ") + "] " + std::string(toString(argument.type));
}

int64_t FunctionSignature::pointerCount() const {
  return int64_t(arguments.size()) +
         count_if(results, [](const ResultSignature &result) { return result.donated < 0; });
}

const FunctionSignature *ProgramSignature::find(std::string_view name) const {
  auto found = find_if(functions, [&](const FunctionSignature &function) { return function.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

int64_t ProgramSignature::arenaBytes() const {
  int64_t bytes = 0;
  for (const FunctionSignature &function : functions)
    bytes = std::max(bytes, function.arenaBytes);
  return bytes;
}

Result<std::vector<ArgumentSignature>> ProgramSignature::residents() const {
  std::vector<ArgumentSignature> residents;
  StringMap<std::pair<size_t, std::string>> known;
  for (const FunctionSignature &function : functions) {
    for (const ArgumentSignature &argument : function.arguments) {
      if (argument.role == Role::Input || argument.role == Role::Length)
        continue;
      auto [place, isNew] = known.try_emplace(argument.name, residents.size(), function.name);
      if (isNew) {
        residents.push_back(argument);
        continue;
      }
      const ArgumentSignature &other = residents[place->second.first];
      if (other.type != argument.type || other.shape != argument.shape || other.role != argument.role)
        return Failure{function.name + ": expected '" + argument.name + "' as in " + place->second.second + ", " +
                       std::string(toString(other.role)) + " " + toString(other.type, other.shape) + "; got " +
                       std::string(toString(argument.role)) + " " + toString(argument.type, argument.shape) +
                       "; give one of them another name"};
    }
  }
  return residents;
}

namespace {

template <typename Value> void writeTyped(json::OStream &stream, const Value &value) {
  stream.attribute("name", value.name);
  stream.attribute("dtype", StringRef(toString(value.type)));
  stream.attributeArray("shape", [&] {
    for (int64_t extent : value.shape)
      stream.value(extent);
  });
  if (value.lengths.empty())
    return;
  stream.attributeArray("lengths", [&] {
    for (const std::string &name : value.lengths)
      stream.value(name);
  });
}

void writeFunction(json::OStream &stream, const FunctionSignature &function) {
  stream.attribute("name", function.name);
  stream.attribute("arena_bytes", function.arenaBytes);
  stream.attributeArray("arguments", [&] {
    for (const ArgumentSignature &argument : function.arguments)
      stream.object([&] {
        writeTyped(stream, argument);
        stream.attribute("role", StringRef(toString(argument.role)));
        if (argument.minimum)
          stream.attribute("minimum", argument.minimum);
      });
  });
  stream.attributeArray("results", [&] {
    for (const ResultSignature &result : function.results)
      stream.object([&] {
        writeTyped(stream, result);
        if (result.donated >= 0)
          stream.attribute("donated", result.donated);
      });
  });
}

} // namespace

std::string ProgramSignature::toJson() const {
  std::string text;
  raw_string_ostream out(text);
  json::OStream stream(out);
  stream.object([&] {
    stream.attributeArray("functions", [&] {
      for (const FunctionSignature &function : functions)
        stream.object([&] { writeFunction(stream, function); });
    });
  });
  return text;
}

} // namespace moru
