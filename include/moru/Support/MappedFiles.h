// Which files are mapped where: a file that somebody else cuts off can no longer be read, and the system only says at
// which address.

#ifndef MORU_SUPPORT_MAPPEDFILES_H
#define MORU_SUPPORT_MAPPEDFILES_H

#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace moru {

/// The same buffer, found by `mappedFileAt` as long as it lives.
std::unique_ptr<llvm::MemoryBuffer> noteMappedFile(std::unique_ptr<llvm::MemoryBuffer> file);

/// The path of the file whose buffer has this address; "" if none has.
std::string mappedFileAt(const void *address);

} // namespace moru

#endif // MORU_SUPPORT_MAPPEDFILES_H
