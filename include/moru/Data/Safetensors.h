// Files of named tensors in the safetensors format. Reading maps the file and trusts nothing in it (the one parser is
// that of the run-time library); writing is atomic.

#ifndef MORU_DATA_SAFETENSORS_H
#define MORU_DATA_SAFETENSORS_H

#include "moru/Support/HostTensor.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

extern "C" {
struct moru_safetensors;
}

namespace moru {

/// The strings under `__metadata__`, by key.
using Metadata = std::map<std::string, std::string, std::less<>>;

/// A tensor that somebody else owns, under the name it has in a file.
struct TensorRef {
  llvm::StringRef name;
  const HostTensor *tensor;
};

/// References to tensors, in their order.
std::vector<TensorRef> refsTo(llvm::ArrayRef<NamedTensor> tensors);

/// An open, mapped file.
class SafetensorsFile {
public:
  /// One tensor: where it lies, without alignment.
  struct Entry {
    llvm::StringRef name;
    ElementType type;
    Shape shape;
    llvm::StringRef bytes;
  };

  static llvm::Expected<SafetensorsFile> open(llvm::StringRef path);
  /// Reads from memory; `buffer`'s identifier names the source in errors.
  static llvm::Expected<SafetensorsFile> parse(std::unique_ptr<llvm::MemoryBuffer> buffer);
  SafetensorsFile(SafetensorsFile &&) noexcept;
  SafetensorsFile &operator=(SafetensorsFile &&) noexcept;
  ~SafetensorsFile();

  /// In order of their places in the file.
  llvm::ArrayRef<Entry> entries() const { return entryList; }
  const Metadata &metadata() const { return pairs; }
  /// Null if there is none of that name.
  const Entry *find(llvm::StringRef name) const;
  /// A copy of a tensor's elements.
  HostTensor read(const Entry &entry) const;
  /// The copy of the tensor of that name; the error lists similar names.
  llvm::Expected<HostTensor> read(llvm::StringRef name) const;
  /// Copies of all tensors.
  std::vector<NamedTensor> readAll() const;

  llvm::StringRef path() const { return buffer->getBufferIdentifier(); }

private:
  SafetensorsFile(std::unique_ptr<llvm::MemoryBuffer> buffer, moru_safetensors *index);
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  // Owns the names; closed by the destructor.
  moru_safetensors *index = nullptr;
  std::vector<Entry> entryList;
  Metadata pairs;
};

/// All tensors of a file.
llvm::Expected<std::vector<NamedTensor>> readSafetensors(llvm::StringRef path);

/// Writes tensors in their order, except that wider elements come before narrower ones, so that all lie aligned.
/// Names are non-empty UTF-8, without NUL, and distinct.
llvm::Error writeSafetensors(llvm::StringRef path, llvm::ArrayRef<TensorRef> tensors, const Metadata &metadata = {});
llvm::Error writeSafetensors(llvm::StringRef path, llvm::ArrayRef<NamedTensor> tensors, const Metadata &metadata = {});
/// The same into a stream.
llvm::Error writeSafetensors(llvm::raw_ostream &stream, llvm::ArrayRef<TensorRef> tensors,
                             const Metadata &metadata = {});

} // namespace moru

#endif // MORU_DATA_SAFETENSORS_H
