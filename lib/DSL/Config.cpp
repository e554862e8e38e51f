//===- Config.cpp - a model's configuration -------------------------------===//
// Keys are known by being asked for, so there is no list of them to keep up to date.
//===----------------------------------------------------------------------===//

#include "moru/DSL/Config.h"

#include "moru/Support/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace moru {

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static llvm::json::Value toJsonValue(const Config::Value &value) {
  return std::visit([](const auto &held) { return llvm::json::Value(held); }, value);
}

static std::string show(const Config::Value &value) { return llvm::formatv("{0}", toJsonValue(value)).str(); }

static std::optional<Config::Value> fromJsonValue(const llvm::json::Value &value) {
  if (std::optional<bool> flag = value.getAsBoolean())
    return *flag;
  if (std::optional<int64_t> integer = value.getAsInteger())
    return *integer;
  if (std::optional<double> number = value.getAsNumber())
    return *number;
  if (std::optional<llvm::StringRef> text = value.getAsString())
    return text->str();
  return std::nullopt;
}

Result<Config> Config::parse(std::string_view json, std::string_view origin) {
  std::string where(origin);
  llvm::Expected<llvm::json::Object> object = parseJsonObject(llvm::StringRef(json), where);
  if (!object)
    return Failure{llvm::toString(object.takeError())};
  // In the order of names: JSON objects have none of their own.
  std::vector<std::string> keys;
  for (const auto &entry : *object)
    keys.push_back(llvm::StringRef(entry.first).str());
  llvm::sort(keys);
  Config config;
  for (const std::string &key : keys) {
    std::optional<Value> value = fromJsonValue(*object->get(key));
    if (!value)
      return Failure{where + ": key \"" + key + "\": expected a number, a string, true or false"};
    config.set(key, *value);
  }
  return config;
}

//===----------------------------------------------------------------------===//
// Setting
//===----------------------------------------------------------------------===//

Config::Entry *Config::find(std::string_view key) {
  for (Entry &entry : entries)
    if (entry.key == key)
      return &entry;
  return nullptr;
}

void Config::set(std::string_view key, Value value) {
  Entry *entry = find(key);
  if (!entry)
    entry = &entries.emplace_back(Entry{std::string(key), Value(), false, false});
  entry->value = std::move(value);
  entry->given = true;
}

Result<void> Config::set(std::string_view assignment) {
  auto [key, text] = llvm::StringRef(assignment).split('=');
  if (key.empty() || key.size() == assignment.size())
    return Failure{"expected key=value, got \"" + std::string(assignment) + "\""};
  int64_t integer;
  double number;
  if (text == "true" || text == "false")
    set(std::string_view(key), Value(text == "true"));
  else if (!text.getAsInteger(10, integer))
    set(std::string_view(key), Value(integer));
  else if (!text.getAsDouble(number))
    set(std::string_view(key), Value(number));
  else
    set(std::string_view(key), Value(text.str()));
  return {};
}

bool Config::has(std::string_view key) const {
  return llvm::any_of(entries, [&](const Entry &entry) { return entry.key == key && entry.given; });
}

bool Config::knows(std::string_view key) const {
  return llvm::any_of(entries, [&](const Entry &entry) { return entry.key == key && entry.asked; });
}

std::vector<std::string> Config::drop(std::initializer_list<std::string_view> keys) {
  std::vector<std::string> dropped;
  for (std::string_view key : keys)
    llvm::erase_if(entries, [&](const Entry &entry) {
      if (entry.key == key)
        dropped.push_back(entry.key);
      return entry.key == key;
    });
  return dropped;
}

//===----------------------------------------------------------------------===//
// Asking
//===----------------------------------------------------------------------===//

Config::Entry &Config::ask(std::string_view key, Value preset) {
  Entry *entry = find(key);
  if (!entry)
    entry = &entries.emplace_back(Entry{std::string(key), std::move(preset), false, false});
  entry->asked = true;
  return *entry;
}

void Config::reject(const Entry &entry, std::string_view expected) {
  errors.push_back("key \"" + entry.key + "\": expected " + std::string(expected) + ", got " + show(entry.value));
}

int64_t Config::integer(std::string_view key, int64_t preset, int64_t least, int64_t greatest) {
  Entry &entry = ask(key, preset);
  const int64_t *value = std::get_if<int64_t>(&entry.value);
  if (value && *value >= least && *value <= greatest)
    return *value;
  reject(entry, "an integer from " + std::to_string(least) + " to " + std::to_string(greatest));
  return preset;
}

double Config::number(std::string_view key, double preset) {
  Entry &entry = ask(key, preset);
  if (const double *value = std::get_if<double>(&entry.value))
    return *value;
  if (const int64_t *value = std::get_if<int64_t>(&entry.value))
    return double(*value);
  reject(entry, "a number");
  return preset;
}

bool Config::flag(std::string_view key, bool preset) {
  Entry &entry = ask(key, preset);
  if (const bool *value = std::get_if<bool>(&entry.value))
    return *value;
  reject(entry, "true or false");
  return preset;
}

std::string Config::choice(std::string_view key, std::initializer_list<std::string_view> choices) {
  std::string preset(*choices.begin()), expected = "one of";
  Entry &entry = ask(key, preset);
  for (std::string_view choice : choices) {
    if (const std::string *value = std::get_if<std::string>(&entry.value); value && *value == choice)
      return *value;
    (expected += " ") += choice;
  }
  reject(entry, expected);
  return preset;
}

Result<void> Config::answers() const {
  std::string text;
  for (const std::string &error : errors)
    text += (text.empty() ? "" : "\n") + error;
  if (text.empty())
    return {};
  return Failure{text};
}

Result<void> Config::finish(std::string_view model) const {
  std::string known, unknown;
  for (const Entry &entry : entries)
    (entry.asked ? known : unknown) += " " + entry.key;
  std::string text;
  for (const std::string &error : errors)
    text += (text.empty() ? "" : "\n") + std::string(model) + ": " + error;
  if (!unknown.empty())
    text += (text.empty() ? "" : "\n") + std::string(model) + ": unknown keys:" + unknown + "; known keys:" + known;
  if (text.empty())
    return {};
  return Failure{text};
}

std::string Config::toJson() const {
  llvm::json::Object object;
  for (const Entry &entry : entries)
    if (entry.asked)
      object[entry.key] = toJsonValue(entry.value);
  return llvm::formatv("{0}", llvm::json::Value(std::move(object))).str();
}

} // namespace moru
