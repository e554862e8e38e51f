// Trims the heap; unmaps clean pages of libraries.

#include "moru/Support/ReturnMemory.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;

namespace moru {

/// What nobody may write to is as the file has it.
static int dropCleanPages(dl_phdr_info *info, size_t, void *) {
  StringRef name = info->dlpi_name;
  if (!name.contains("libLLVM") && !name.contains("libMLIR"))
    return 0;
  uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  for (const ElfW(Phdr) &header : ArrayRef(info->dlpi_phdr, info->dlpi_phnum)) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W))
      continue;
    uintptr_t begin = info->dlpi_addr + header.p_vaddr, end = begin + header.p_filesz;
    begin = (begin + page - 1) / page * page, end = end / page * page;
    if (begin < end)
      madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

void returnCompilerMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  dl_iterate_phdr(dropCleanPages, nullptr);
}

} // namespace moru
