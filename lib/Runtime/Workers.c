/* The workers. Each thread has a share of a launch's tasks, fixed by their numbers, takes them in order, and then helps
 * the others with theirs: the same task meets the same caches from launch to launch, and a thread that has lost its CPU
 * delays nobody. Who runs a task never changes what it computes. Idle threads spin for a moment, then sleep on a futex.
 *
 * Why a late thread cannot do harm: a task is claimed by lowering its share's `unclaimed`, and only a thread that holds
 * a claim reads the launch's description, which cannot change before that claim is finished. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "Internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* How long a thread spins before it sleeps: longer than the gap between two launches of one compiled function (a few
 * microseconds), about as long as a futex's sleep and wake-up cost together. */
static const uint64_t kSpinNanoseconds = 50000;

/* One thread's share of a launch, on two cache lines of its own (adjacent lines are fetched in pairs). */
typedef struct Share {
  _Alignas(128) _Atomic int64_t unclaimed;
  int64_t end;
} Share;

typedef struct Worker {
  struct moru_workers *workers;
  pthread_t thread;
  int32_t number;
} Worker;

struct moru_workers {
  /* The launch; written by the launching thread while no task is unfinished. */
  moru_task_fn fn;
  void *const *buffers;
  _Alignas(128) _Atomic int64_t unfinished;
  _Atomic uint32_t done;
  _Atomic uint32_t waiting;
  /* Counts launches; what idle threads watch. */
  _Alignas(128) _Atomic uint32_t epoch;
  _Atomic uint32_t sleepers;
  _Atomic uint32_t quit;
  _Alignas(128) _Atomic uint32_t busy;
  int32_t threads;
  int32_t started;
  uint64_t spinNanoseconds;
  Share *shares;
  Worker *pool;
};

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void relaxCpu(void) {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

static void futexWait(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futexWake(_Atomic uint32_t *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* Spins until *word differs from `value` or the time is over. */
static int spinWhileEqual(_Atomic uint32_t *word, uint32_t value, uint64_t nanoseconds) {
  if (atomic_load_explicit(word, memory_order_acquire) != value)
    return 1;
  if (!nanoseconds)
    return 0;
  uint64_t end = now() + nanoseconds;
  do {
    for (int i = 0; i < 16; ++i) {
      if (atomic_load_explicit(word, memory_order_acquire) != value)
        return 1;
      relaxCpu();
    }
  } while (now() < end);
  return 0;
}

/* Rounding to nearest, denormals kept, no exception trapped, whatever the caller has set: part of "the same bits".
 * Returns the caller's. */
static unsigned enterFloatingPoint(void) {
#if defined(__x86_64__)
  unsigned saved = _mm_getcsr();
  if ((saved & ~0x3fu) != 0x1f80u)
    _mm_setcsr(0x1f80u);
  return saved;
#else
  return 0;
#endif
}

static void leaveFloatingPoint(unsigned saved) {
#if defined(__x86_64__)
  if ((saved & ~0x3fu) != 0x1f80u)
    _mm_setcsr(saved);
#endif
}

static void finishTask(struct moru_workers *workers) {
  if (atomic_fetch_sub_explicit(&workers->unfinished, 1, memory_order_acq_rel) != 1)
    return;
  atomic_store(&workers->done, 1);
  if (atomic_load(&workers->waiting))
    futexWake(&workers->done, 1);
}

/* Claims and runs the tasks of one share until none is left. */
static void drainShare(struct moru_workers *workers, Share *share) {
  int64_t left = atomic_load_explicit(&share->unclaimed, memory_order_acquire);
  while (left > 0) {
    if (!atomic_compare_exchange_weak_explicit(&share->unclaimed, &left, left - 1, memory_order_acquire,
                                               memory_order_acquire))
      continue;
    workers->fn(workers->buffers, share->end - left);
    finishTask(workers);
    left = atomic_load_explicit(&share->unclaimed, memory_order_acquire);
  }
}

static void drain(struct moru_workers *workers, int32_t first) {
  for (int32_t i = 0; i < workers->threads; ++i) {
    int32_t next = first + i < workers->threads ? first + i : first + i - workers->threads;
    drainShare(workers, &workers->shares[next]);
  }
}

static void *workerMain(void *argument) {
  Worker *self = argument;
  struct moru_workers *workers = self->workers;
  enterFloatingPoint();
  uint32_t seen = 0;
  while (!atomic_load_explicit(&workers->quit, memory_order_acquire)) {
    if (!spinWhileEqual(&workers->epoch, seen, workers->spinNanoseconds)) {
      atomic_fetch_add(&workers->sleepers, 1);
      futexWait(&workers->epoch, seen);
      atomic_fetch_sub(&workers->sleepers, 1);
    }
    seen = atomic_load_explicit(&workers->epoch, memory_order_acquire);
    drain(workers, self->number);
  }
  return NULL;
}

/* Tells the idle threads that something has changed. */
static void announce(struct moru_workers *workers, int count) {
  atomic_fetch_add(&workers->epoch, 1);
  if (atomic_load(&workers->sleepers))
    futexWake(&workers->epoch, count);
}

static void awaitDone(struct moru_workers *workers) {
  if (spinWhileEqual(&workers->done, 0, workers->spinNanoseconds))
    return;
  atomic_store(&workers->waiting, 1);
  while (!atomic_load(&workers->done))
    futexWait(&workers->done, 0);
  atomic_store(&workers->waiting, 0);
}

static void runParallel(struct moru_workers *workers, moru_task_fn fn, void *const *buffers, int64_t tasks) {
  workers->fn = fn;
  workers->buffers = buffers;
  atomic_store_explicit(&workers->done, 0, memory_order_relaxed);
  atomic_store_explicit(&workers->unfinished, tasks, memory_order_relaxed);
  int64_t each = tasks / workers->threads, extra = tasks % workers->threads, begin = 0;
  /* All ends before the first claim: a thread may help with any share. */
  for (int32_t i = 0; i < workers->threads; ++i)
    begin = workers->shares[i].end = begin + each + (i < extra);
  for (int32_t i = 0; i < workers->threads; ++i)
    atomic_store_explicit(&workers->shares[i].unclaimed, each + (i < extra), memory_order_release);
  announce(workers, tasks - 1 < workers->threads ? (int)(tasks - 1) : workers->threads);
  drain(workers, 0);
  awaitDone(workers);
}

static void runInline(moru_task_fn fn, void *const *buffers, int64_t tasks) {
  for (int64_t task = 0; task < tasks; ++task)
    fn(buffers, task);
}

void moruParallelFor(moru_context *context, moru_task_fn fn, void *const *buffers, int64_t tasks) {
  struct moru_workers *workers = context->workers;
  uint64_t begin = context->profile ? now() : 0;
  unsigned saved = enterFloatingPoint();
  if (tasks <= 1 || workers->threads == 1 || atomic_exchange_explicit(&workers->busy, 1, memory_order_acquire)) {
    runInline(fn, buffers, tasks);
  } else {
    runParallel(workers, fn, buffers, tasks);
    atomic_store_explicit(&workers->busy, 0, memory_order_release);
  }
  leaveFloatingPoint(saved);
  if (context->profile)
    context->profile(context->profile_data, fn, tasks, begin, now());
}

/* Signals belong to the program's own threads. */
static int startWorker(Worker *worker) {
  sigset_t all, saved;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &saved);
  int failure = pthread_create(&worker->thread, NULL, workerMain, worker);
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
  return failure;
}

static struct moru_workers *allocateWorkers(int32_t threads) {
  struct moru_workers *workers = aligned_alloc(128, sizeof *workers);
  if (!workers)
    return NULL;
  memset(workers, 0, sizeof *workers);
  workers->threads = threads;
  /* With more threads than CPUs a spinning thread only keeps a working one from its CPU. */
  workers->spinNanoseconds = threads <= moruAvailableCpus() ? kSpinNanoseconds : 0;
  workers->shares = aligned_alloc(128, (size_t)threads * sizeof(Share));
  workers->pool = calloc((size_t)threads, sizeof(Worker));
  if (workers->shares)
    memset(workers->shares, 0, (size_t)threads * sizeof(Share));
  if (workers->shares && workers->pool)
    return workers;
  moruWorkersDestroy(workers);
  return NULL;
}

struct moru_workers *moruWorkersCreate(int32_t threads, moru_error *error) {
  struct moru_workers *workers = allocateWorkers(threads);
  if (!workers) {
    moruSetError(error, "expected memory for %d workers, got none", threads);
    return NULL;
  }
  for (workers->started = 1; workers->started < threads; ++workers->started) {
    Worker *worker = &workers->pool[workers->started];
    worker->workers = workers;
    worker->number = workers->started;
    int failure = startWorker(worker);
    if (!failure)
      continue;
    moruSetError(error, "expected to start %d threads, got %d (%s); ask for fewer threads", threads, workers->started,
                 strerror(failure));
    moruWorkersDestroy(workers);
    return NULL;
  }
  return workers;
}

void moruWorkersDestroy(struct moru_workers *workers) {
  if (!workers)
    return;
  atomic_store(&workers->quit, 1);
  announce(workers, INT_MAX);
  for (int32_t i = 1; i < workers->started; ++i)
    pthread_join(workers->pool[i].thread, NULL);
  free(workers->pool);
  free(workers->shares);
  free(workers);
}
