// Memory that a piece of work needed in passing, back to the system.

#ifndef MORU_SUPPORT_RETURNMEMORY_H
#define MORU_SUPPORT_RETURNMEMORY_H

namespace moru {

/// After a compilation, which is over for good in most processes: gives back what the heap holds but does not use, and
/// the pages of LLVM's and MLIR's code. Those are read again, from the system's cache of the file, where they are
/// needed again.
void returnCompilerMemory();

} // namespace moru

#endif // MORU_SUPPORT_RETURNMEMORY_H
