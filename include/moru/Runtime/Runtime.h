/* The ABI between compiled code and the world, in plain C11: the context that every compiled function receives, its
 * arena and its workers. Compiled code (JIT or ahead of time) reaches the runtime through this structure alone and
 * calls nothing by name, so the same object works in a process that holds the compiler and in a C program that holds
 * only the runtime. */
#ifndef MORU_RUNTIME_RUNTIME_H
#define MORU_RUNTIME_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Changes whenever the layout of moru_context or a signature below changes. */
#define MORU_ABI_VERSION 2

/** Alignment in bytes of the arena and of every buffer in it: one cache line and one AVX-512 register. */
#define MORU_ALIGNMENT 64

/** What went wrong, in one line: what, where, expected and got, what to do. Empty where nothing did. */
typedef struct moru_error {
  char message[512];
} moru_error;

typedef struct moru_context moru_context;

/** The entry of one kernel: `buffers` are the pointers of one launch, `task` is in [0, tasks). Tasks of one launch are
 * independent. */
typedef void (*moru_task_fn)(void *const *buffers, int64_t task);

/** Runs `fn(buffers, 0 … tasks-1)`, in any order and on any worker, and returns when all of them are done. */
typedef void (*moru_parallel_for_fn)(moru_context *context, moru_task_fn fn, void *const *buffers, int64_t tasks);

/** Called after each launch, on the launching thread; times in nanoseconds of the monotonic clock. */
typedef void (*moru_profile_fn)(void *data, moru_task_fn fn, int64_t tasks, uint64_t begin_ns, uint64_t end_ns);

/** One compiled function. `arguments`: a pointer for each function argument, then one for each result that is not
 * donated; all of them 64-byte aligned. Returns 0; any other value is an error of the function's own (none is defined
 * yet). */
typedef int32_t (*moru_function)(moru_context *context, void *const *arguments);

/** What compiled code sees. The order and the types of the first four members are fixed by MORU_ABI_VERSION. */
struct moru_context {
  int32_t abi_version;
  /** Threads that work on a launch, the caller among them. Never read by compiled code: results do not depend on it. */
  int32_t threads;
  /** MORU_ALIGNMENT-aligned, zeroed when created. Its contents between two calls belong to nobody, but see `prepared`.
   */
  unsigned char *arena;
  int64_t arena_bytes;
  moru_parallel_for_fn parallel_for;
  /** Read by compiled code, set by its caller: not 0 where the last call in this context was one of the same function,
   * the arena is as that call left it, and no parameter has changed since. Then the function does not make again what
   * depends on parameters alone. 0 is always right. */
  int32_t prepared;
  /** Null, or the profiling hook; may be set at any time between two calls. */
  moru_profile_fn profile;
  void *profile_data;
  /** The runtime's own. */
  struct moru_workers *workers;
};

/** Asks the system for the registers of matrix units, without which code that uses them is stopped: for this process
 * and its threads, as `moru_context_create` does. Returns 0 where they may be used, else -1. */
int32_t moru_request_tiles(void);

/** Creates a context with an arena of `arena_bytes` and `threads` threads (0: one per CPU that this process may use).
 * On failure (no memory, no thread) returns null and says why in `error`, which may be null. One launch at a time: a
 * context belongs to one caller; a launch from inside a task runs on the thread that asks for it. */
moru_context *moru_context_create(int64_t arena_bytes, int32_t threads, moru_error *error);

/** Ends the workers and frees the arena. Null is allowed. */
void moru_context_destroy(moru_context *context);

/** Zeroed memory from the operating system, aligned to 64 bytes (2 MB and huge-page friendly from that size on); null
 * and `error` when there is none. Freed by moru_free with the same size. */
void *moru_allocate(int64_t bytes, moru_error *error);
void moru_free(void *memory, int64_t bytes);

/** MORU_ABI_VERSION of the library that is linked. */
int32_t moru_abi_version(void);

#ifdef __cplusplus
}
#endif

#endif /* MORU_RUNTIME_RUNTIME_H */
