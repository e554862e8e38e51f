// A list of the buffers that live, by their ends.

#include "moru/Support/MappedFiles.h"

#include <map>
#include <mutex>

using namespace llvm;

namespace moru {

namespace {

struct MappedFiles {
  std::mutex mutex;
  std::map<const char *, const MemoryBuffer *> byEnd;
};

} // namespace

/// Never destroyed: buffers may live to the end.
static MappedFiles &mappedFiles() {
  static MappedFiles &files = *new MappedFiles;
  return files;
}

namespace {

class MappedFile : public MemoryBuffer {
public:
  explicit MappedFile(std::unique_ptr<MemoryBuffer> inner) : inner(std::move(inner)) {
    init(this->inner->getBufferStart(), this->inner->getBufferEnd(), /*RequiresNullTerminator=*/false);
    std::lock_guard<std::mutex> lock(mappedFiles().mutex);
    mappedFiles().byEnd[getBufferEnd()] = this;
  }
  ~MappedFile() override {
    std::lock_guard<std::mutex> lock(mappedFiles().mutex);
    mappedFiles().byEnd.erase(getBufferEnd());
  }

  BufferKind getBufferKind() const override { return inner->getBufferKind(); }
  StringRef getBufferIdentifier() const override { return inner->getBufferIdentifier(); }

private:
  std::unique_ptr<MemoryBuffer> inner;
};

} // namespace

std::unique_ptr<MemoryBuffer> noteMappedFile(std::unique_ptr<MemoryBuffer> file) {
  // One that was read into memory, as small files are, stays as it is.
  if (file->getBufferKind() != MemoryBuffer::MemoryBuffer_MMap)
    return file;
  return std::make_unique<MappedFile>(std::move(file));
}

std::string mappedFileAt(const void *address) {
  std::lock_guard<std::mutex> lock(mappedFiles().mutex);
  auto found = mappedFiles().byEnd.upper_bound(static_cast<const char *>(address));
  if (found == mappedFiles().byEnd.end() || address < found->second->getBufferStart())
    return "";
  return found->second->getBufferIdentifier().str();
}

} // namespace moru
