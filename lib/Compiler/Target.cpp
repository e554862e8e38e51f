// Targets: the feature list of this machine or of a level of x86-64, and the figures that follow from it.

#include "moru/Compiler/Target.h"

#include "moru/Runtime/Runtime.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace moru {
namespace {

// The levels of the x86-64 psABI, each without those below it.
constexpr StringLiteral kLevel2[] = {"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"};
constexpr StringLiteral kLevel3[] = {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"};
constexpr StringLiteral kLevel4[] = {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"};

// What may follow a plus: what kernels know how to use.
constexpr StringLiteral kExtensions[] = {"amx-bf16",   "amx-int8", "amx-tile", "avx",     "avx2",       "avx512bf16",
                                         "avx512bw",   "avx512cd", "avx512dq", "avx512f", "avx512fp16", "avx512vl",
                                         "avx512vnni", "avxvnni",  "bmi",      "bmi2",    "f16c",       "fma"};

/// What code may use here: of a processor's matrix units only if the system lets this process have their registers.
std::vector<std::string> hostFeatures() {
  static const bool hasTiles = moru_request_tiles() == 0;
  std::vector<std::string> features;
  for (const auto &[name, enabled] : sys::getHostCPUFeatures())
    if (enabled && (hasTiles || !name.starts_with("amx")))
      features.push_back(name.str());
  return features;
}

bool hasAll(const Target &target, ArrayRef<StringRef> features) {
  return all_of(features, [&](StringRef feature) { return target.has(feature); });
}

/// Sets everything that is a function of the features.
void derive(Target &target) {
  sort(target.features);
  target.features.erase(unique(target.features), target.features.end());
  target.triple = sys::getProcessTriple();
  if (hasAll(target, {"avx512f", "avx512bw", "avx512dq", "avx512vl"})) {
    target.vectorBits = 512;
    target.vectorRegisters = 32;
    target.l2Bytes = 1 << 20; // Skylake server, the first with these features.
  } else if (hasAll(target, {"avx2", "fma"})) {
    target.vectorBits = 256;
  }
  if (target.has("amx-tile")) {
    target.l1Bytes = 48 << 10; // Sapphire Rapids, the first with tiles.
    target.l2Bytes = 2 << 20;
  }
}

Target makeTarget(StringRef name, std::vector<std::string> features) {
  Target target;
  target.name = name.str();
  target.features = std::move(features);
  derive(target);
  return target;
}

/// The features of "native" or of a level; nothing for another name.
std::optional<std::vector<std::string>> baseFeatures(StringRef name) {
  if (name == "native")
    return hostFeatures();
  StringRef level = name;
  if (!level.consume_front("x86-64-v") || level.size() != 1 || level[0] < '2' || level[0] > '4')
    return std::nullopt;
  std::vector<std::string> features(std::begin(kLevel2), std::end(kLevel2));
  if (level[0] >= '3')
    features.insert(features.end(), std::begin(kLevel3), std::end(kLevel3));
  if (level[0] >= '4')
    features.insert(features.end(), std::begin(kLevel4), std::end(kLevel4));
  return features;
}

} // namespace

Target Target::host() { return makeTarget("native", hostFeatures()); }

Result<Target> Target::parse(std::string_view text) {
  auto [base, extensions] = StringRef(text).split('+');
  std::optional<std::vector<std::string>> features = baseFeatures(base);
  if (!features)
    return Failure{"expected a processor of native, x86-64-v2, x86-64-v3 or x86-64-v4, with optional features as in "
                   "x86-64-v4+amx-tile,amx-bf16; got '" +
                   std::string(text) + "'"};
  for (StringRef extension : split(extensions, ',')) {
    if (extension.empty() && extensions.empty())
      continue;
    if (!is_contained(kExtensions, extension))
      return Failure{"expected features after the plus of '" + std::string(text) + "' among " +
                     join(ArrayRef<StringLiteral>(kExtensions), ", ") + "; got '" + extension.str() + "'"};
    features->push_back(extension.str());
  }
  return makeTarget(text, std::move(*features));
}

bool Target::has(std::string_view feature) const { return is_contained(features, feature); }

bool Target::hasTiles() const { return vectorBits == 512 && has("amx-tile") && has("amx-bf16"); }

std::string Target::featureString() const {
  return join(map_range(features, [](const std::string &name) { return "+" + name; }), ",");
}

std::string Target::tuneCpu() const {
  // Not a newer one: LLVM's models of Ice Lake and Sapphire Rapids assume one 512-bit FMA per cycle where there are
  // two.
  if (vectorBits == 512)
    return "skylake-avx512";
  return vectorBits == 256 ? "haswell" : "generic";
}

std::vector<std::string> Target::missingOnHost() const {
  std::vector<std::string> host = hostFeatures(), missing;
  for (const std::string &feature : features)
    if (!is_contained(host, feature))
      missing.push_back(feature);
  return missing;
}

} // namespace moru
