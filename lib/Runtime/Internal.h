/* What the runtime's own files share. Not installed, not seen by compiled code. */
#ifndef MORU_LIB_RUNTIME_INTERNAL_H
#define MORU_LIB_RUNTIME_INTERNAL_H

#include "moru/Runtime/Runtime.h"

/** Formats into `error->message` where `error` is not null. */
__attribute__((format(printf, 2, 3))) void moruSetError(moru_error *error, const char *format, ...);

/** CPUs that this process may run on; at least 1. */
int32_t moruAvailableCpus(void);

/** Starts threads-1 workers. Null and `error` where a thread or memory is missing. */
struct moru_workers *moruWorkersCreate(int32_t threads, moru_error *error);
void moruWorkersDestroy(struct moru_workers *workers);

/** The moru_parallel_for_fn of every context. */
void moruParallelFor(moru_context *context, moru_task_fn fn, void *const *buffers, int64_t tasks);

#endif /* MORU_LIB_RUNTIME_INTERNAL_H */
