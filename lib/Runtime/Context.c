/* Contexts, memory from the operating system, and error messages. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "Internal.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The size of a huge page on x86-64: from here on an allocation starts on such a boundary. */
static const size_t kHugePage = (size_t)2 << 20;

void moruSetError(moru_error *error, const char *format, ...) {
  if (!error)
    return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
}

int32_t moru_abi_version(void) { return MORU_ABI_VERSION; }

int32_t moruAvailableCpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return CPU_COUNT(&set);
  /* More CPUs than a cpu_set_t holds. */
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 && online < 1 << 16 ? (int32_t)online : 1;
}

/* Whole pages, whole huge pages from the size of one on. Returns 0 where the rounding overflows. */
static size_t roundedSize(int64_t bytes) {
  size_t unit = (size_t)bytes >= kHugePage ? kHugePage : 4096;
  if ((uint64_t)bytes > (uint64_t)INT64_MAX - 2 * kHugePage)
    return 0;
  return ((size_t)bytes + unit - 1) / unit * unit;
}

/* The kernel may promise more than the machine has, and kill the process when it is used; so ask first. */
static int exceedsMachine(size_t bytes) {
  long pages = sysconf(_SC_PHYS_PAGES), pageSize = sysconf(_SC_PAGESIZE);
  return pages > 0 && pageSize > 0 && bytes / (size_t)pageSize >= (size_t)pages;
}

/* Maps `size` bytes at a multiple of `alignment` by mapping more and giving back both ends. */
static void *mapAligned(size_t size, size_t alignment) {
  size_t total = size + alignment - 4096;
  unsigned char *base = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return NULL;
  size_t head = (alignment - (uintptr_t)base % alignment) % alignment;
  size_t tail = total - head - size;
  if (head)
    munmap(base, head);
  if (tail)
    munmap(base + head + size, tail);
  return base + head;
}

void *moru_allocate(int64_t bytes, moru_error *error) {
  if (bytes <= 0) {
    moruSetError(error, "expected a positive number of bytes to allocate, got %lld", (long long)bytes);
    return NULL;
  }
  size_t size = roundedSize(bytes);
  void *memory = size && !exceedsMachine(size) ? mapAligned(size, size >= kHugePage ? kHugePage : 4096) : NULL;
  if (!memory) {
    moruSetError(error,
                 "expected %lld bytes of memory, got none from the operating system; take a smaller batch size or "
                 "sequence length, or a "
                 "machine with more memory",
                 (long long)bytes);
    return NULL;
  }
  if (size >= kHugePage)
    madvise(memory, size, MADV_HUGEPAGE); /* A hint: refused where the kernel was built without. */
  return memory;
}

void moru_free(void *memory, int64_t bytes) {
  if (memory)
    munmap(memory, roundedSize(bytes));
}

/* An arena of no bytes still has an address, so that compiled code may add 0 to it. */
static int64_t allocatedArena(int64_t bytes) { return bytes ? bytes : MORU_ALIGNMENT; }

int32_t moru_request_tiles(void) {
#if defined(__linux__) && defined(__x86_64__)
  enum { kRequestPermission = 0x1023, kTileData = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) ? -1 : 0;
#else
  return -1;
#endif
}

moru_context *moru_context_create(int64_t arena_bytes, int32_t threads, moru_error *error) {
  enum { kMaxThreads = 4096 };
  if (arena_bytes < 0 || threads < 0 || threads > kMaxThreads) {
    moruSetError(error, "expected an arena of at least 0 bytes and 0 to %d threads, got %lld bytes and %d threads",
                 kMaxThreads, (long long)arena_bytes, threads);
    return NULL;
  }
  moru_context *context = calloc(1, sizeof *context);
  if (!context) {
    moruSetError(error, "expected memory for a context, got none");
    return NULL;
  }
  (void)moru_request_tiles(); /* Before the workers start: threads inherit it. */
  context->abi_version = MORU_ABI_VERSION;
  context->threads = threads ? threads : moruAvailableCpus();
  context->arena_bytes = arena_bytes;
  context->parallel_for = moruParallelFor;
  context->arena = moru_allocate(allocatedArena(arena_bytes), error);
  if (context->arena)
    context->workers = moruWorkersCreate(context->threads, error);
  if (!context->workers) {
    moru_context_destroy(context);
    return NULL;
  }
  return context;
}

void moru_context_destroy(moru_context *context) {
  if (!context)
    return;
  moruWorkersDestroy(context->workers);
  moru_free(context->arena, allocatedArena(context->arena_bytes));
  free(context);
}
