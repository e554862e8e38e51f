// safetensors in C++ clothes: the C index becomes entries, a header is written for tensors.

#include "moru/Data/Safetensors.h"

#include "moru/Runtime/Safetensors.h"
#include "moru/Support/Files.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

#include <algorithm>
#include <cstring>

using namespace llvm;

namespace moru {

static ElementType elementTypeFor(moru_dtype type) {
  switch (type) {
  case MORU_DTYPE_F64:
    return ElementType::F64;
  case MORU_DTYPE_F32:
    return ElementType::F32;
  case MORU_DTYPE_F16:
    return ElementType::F16;
  case MORU_DTYPE_BF16:
    return ElementType::BF16;
  case MORU_DTYPE_I64:
    return ElementType::I64;
  case MORU_DTYPE_I32:
    return ElementType::I32;
  case MORU_DTYPE_I16:
    return ElementType::I16;
  case MORU_DTYPE_I8:
    return ElementType::I8;
  case MORU_DTYPE_U8:
    return ElementType::U8;
  case MORU_DTYPE_BOOL:
    return ElementType::I1;
  }
  return ElementType::U8;
}

/// The name of a type in a file; the reader knows exactly the types of `ElementType`.
static StringRef fileNameOf(ElementType type) {
  for (int candidate = MORU_DTYPE_F64; candidate <= MORU_DTYPE_BOOL; ++candidate)
    if (elementTypeFor(moru_dtype(candidate)) == type)
      return moru_dtype_name(moru_dtype(candidate));
  return "";
}

std::vector<TensorRef> refsTo(ArrayRef<NamedTensor> tensors) {
  std::vector<TensorRef> refs;
  for (const NamedTensor &tensor : tensors)
    refs.push_back({tensor.name, &tensor.tensor});
  return refs;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

SafetensorsFile::SafetensorsFile(std::unique_ptr<MemoryBuffer> mapped, moru_safetensors *opened)
    : buffer(std::move(mapped)), index(opened) {
  for (int64_t i = 0; i < index->entry_count; ++i) {
    const moru_safetensors_entry &entry = index->entries[i];
    entryList.push_back({entry.name, elementTypeFor(entry.dtype), Shape(entry.shape, entry.shape + entry.rank),
                         buffer->getBuffer().slice(entry.begin, entry.end)});
  }
  for (int64_t i = 0; i < index->metadata_count; ++i)
    pairs[index->metadata[i].key] = index->metadata[i].value;
}

SafetensorsFile::SafetensorsFile(SafetensorsFile &&other) noexcept
    : buffer(std::move(other.buffer)), index(std::exchange(other.index, nullptr)),
      entryList(std::move(other.entryList)), pairs(std::move(other.pairs)) {}

SafetensorsFile &SafetensorsFile::operator=(SafetensorsFile &&other) noexcept {
  std::swap(buffer, other.buffer);
  std::swap(index, other.index);
  std::swap(entryList, other.entryList);
  std::swap(pairs, other.pairs);
  return *this;
}

SafetensorsFile::~SafetensorsFile() {
  if (index)
    moru_safetensors_close(index);
}

Expected<SafetensorsFile> SafetensorsFile::parse(std::unique_ptr<MemoryBuffer> buffer) {
  moru_error error{};
  moru_safetensors *index = moru_safetensors_open(buffer->getBufferStart(), buffer->getBufferSize(), &error);
  if (!index)
    return makeError(buffer->getBufferIdentifier() + ": " + error.message +
                     "; expected a complete safetensors file: write or copy it again");
  return SafetensorsFile(std::move(buffer), index);
}

Expected<SafetensorsFile> SafetensorsFile::open(StringRef path) {
  Expected<std::unique_ptr<MemoryBuffer>> buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  return parse(std::move(*buffer));
}

const SafetensorsFile::Entry *SafetensorsFile::find(StringRef name) const {
  auto found = std::find_if(entryList.begin(), entryList.end(), [&](const Entry &entry) { return entry.name == name; });
  return found == entryList.end() ? nullptr : &*found;
}

HostTensor SafetensorsFile::read(const Entry &entry) const {
  HostTensor tensor = HostTensor::fromBytes(entry.type, entry.shape, entry.bytes.data());
  if (entry.type == ElementType::I1) { // a file may hold any byte, a bool only two
    auto *bytes = static_cast<uint8_t *>(tensor.bytes());
    std::transform(bytes, bytes + tensor.numElements(), bytes, [](uint8_t byte) { return uint8_t(byte != 0); });
  }
  return tensor;
}

/// The existing name that is nearest to `name`, for a person who mistyped it.
static StringRef nearestName(ArrayRef<SafetensorsFile::Entry> entries, StringRef name) {
  auto nearest = std::min_element(entries.begin(), entries.end(), [&](const auto &a, const auto &b) {
    return a.name.edit_distance(name) < b.name.edit_distance(name);
  });
  return nearest == entries.end() ? StringRef() : nearest->name;
}

Expected<HostTensor> SafetensorsFile::read(StringRef name) const {
  if (const Entry *entry = find(name))
    return read(*entry);
  StringRef nearest = nearestName(entryList, name);
  return makeError(path() + ": expected a tensor '" + name + "', got " + Twine(entryList.size()) + " others" +
                   (nearest.empty() ? Twine() : ", the nearest is '" + nearest + "'"));
}

std::vector<NamedTensor> SafetensorsFile::readAll() const {
  std::vector<NamedTensor> tensors;
  for (const Entry &entry : entryList)
    tensors.push_back({entry.name.str(), read(entry)});
  return tensors;
}

Expected<std::vector<NamedTensor>> readSafetensors(StringRef path) {
  Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  return file->readAll();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Error checkNames(ArrayRef<TensorRef> tensors) {
  StringSet<> seen;
  for (const TensorRef &ref : tensors) {
    if (ref.name.empty() || ref.name == "__metadata__" || ref.name.contains('\0') || findInvalidUtf8(ref.name))
      return makeError("expected the name of a tensor as non-empty UTF-8 without NUL other than '__metadata__', got '" +
                       escapeToken(json::fixUTF8(ref.name)) + "'");
    if (!seen.insert(ref.name).second)
      return makeError("expected distinct names of tensors, got '" + ref.name + "' twice");
  }
  return Error::success();
}

/// The tensors in their order within each width of element, so that every one lies at a multiple of its width.
static std::vector<TensorRef> widestFirst(ArrayRef<TensorRef> tensors) {
  std::vector<TensorRef> ordered;
  for (size_t width : {8, 4, 2, 1})
    for (const TensorRef &ref : tensors)
      if (elementSize(ref.tensor->type()) == width)
        ordered.push_back(ref);
  return ordered;
}

/// The JSON header, padded with spaces so that the tensors after it begin at a multiple of 8.
static std::string makeHeader(ArrayRef<TensorRef> tensors, const Metadata &metadata) {
  std::string header;
  raw_string_ostream stream(header);
  json::OStream json(stream);
  json.objectBegin();
  if (!metadata.empty())
    json.attributeObject("__metadata__", [&] {
      for (const auto &[key, value] : metadata)
        json.attribute(json::fixUTF8(key), json::fixUTF8(value));
    });
  uint64_t offset = 0;
  for (const TensorRef &ref : tensors) {
    uint64_t end = offset + ref.tensor->sizeInBytes();
    json.attributeObject(ref.name, [&] {
      json.attribute("dtype", fileNameOf(ref.tensor->type()));
      json.attribute("shape", json::Array(ref.tensor->shape()));
      json.attribute("data_offsets", json::Array{offset, end});
    });
    offset = end;
  }
  json.objectEnd();
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

Error writeSafetensors(raw_ostream &stream, ArrayRef<TensorRef> tensors, const Metadata &metadata) {
  if (Error error = checkNames(tensors))
    return error;
  std::vector<TensorRef> ordered = widestFirst(tensors);
  std::string header = makeHeader(ordered, metadata);
  if (header.size() > MORU_SAFETENSORS_MAX_HEADER)
    return makeError("expected a header of at most 100 MB, got " + Twine(header.size()) +
                     " bytes; write fewer tensors");
  char length[8];
  support::endian::write64le(length, header.size());
  stream.write(length, sizeof length) << header;
  for (const TensorRef &ref : ordered)
    if (size_t size = ref.tensor->sizeInBytes())
      stream.write(static_cast<const char *>(ref.tensor->bytes()), size);
  return Error::success();
}

Error writeSafetensors(StringRef path, ArrayRef<TensorRef> tensors, const Metadata &metadata) {
  return writeFile(path, [&](raw_ostream &stream) { return writeSafetensors(stream, tensors, metadata); });
}

Error writeSafetensors(StringRef path, ArrayRef<NamedTensor> tensors, const Metadata &metadata) {
  return writeSafetensors(path, refsTo(tensors), metadata);
}

} // namespace moru
