// Any bytes as a safetensors file: the C reader, the C++ one on top of it, and the tables of foreign weights.

#include "Fuzz.h"

#include "moru/DSL/Import.h"
#include "moru/Data/Safetensors.h"
#include "moru/Runtime/Safetensors.h"

#include "models/Models.h"

using namespace llvm;
using namespace moru;
using fuzz::require;

static void readWithC(StringRef bytes) {
  moru_error error{};
  moru_safetensors *index = moru_safetensors_open(bytes.data(), bytes.size(), &error);
  if (!index)
    return require(StringRef(error.message).starts_with("byte "), "errors name a byte");
  uint64_t covered = index->data_begin;
  for (int64_t i = 0; i < index->entry_count; ++i) {
    const moru_safetensors_entry &entry = index->entries[i];
    require(entry.begin == covered && entry.end >= entry.begin && entry.end <= bytes.size(), "tensors tile the data");
    require(moru_safetensors_find(index, entry.name) == &entry, "a tensor is found by its name");
    covered = entry.end;
  }
  require(covered == bytes.size(), "tensors tile the data");
  moru_safetensors_close(index);
}

static Expected<SafetensorsFile> parse(StringRef bytes) {
  return SafetensorsFile::parse(MemoryBuffer::getMemBuffer(bytes, "input", /*RequiresNullTerminator=*/false));
}

/// What has been read is written and read again.
static void checkRoundTrip(const SafetensorsFile &file, ArrayRef<NamedTensor> tensors) {
  std::string written;
  raw_string_ostream stream(written);
  if (Error error = writeSafetensors(stream, refsTo(tensors), file.metadata()))
    return fuzz::consume(std::move(error)); // names that we do not write
  Expected<SafetensorsFile> again = parse(written);
  require(bool(again), "what is written can be read");
  for (const NamedTensor &tensor : tensors)
    require(cantFail(again->read(tensor.name)).sameBits(tensor.tensor), "a tensor keeps its bits");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const bool registered = (models::registerAll(), true);
  (void)registered;
  StringRef bytes = fuzz::asText(data, size);
  readWithC(bytes);
  Expected<SafetensorsFile> file = parse(bytes);
  if (!file) {
    fuzz::consume(file.takeError());
    return 0;
  }
  std::vector<NamedTensor> tensors = file->readAll();
  checkRoundTrip(*file, tensors);
  if (auto imported = importWeights(tensors, "input"); !imported)
    require(!imported.message().empty(), "errors have messages");
  return 0;
}
