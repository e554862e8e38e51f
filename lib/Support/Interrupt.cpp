// Signals are blocked everywhere and taken by a thread that waits for nothing else: what it does to end the program is
// ordinary code, which in a signal handler would not be allowed.

#include "moru/Support/Interrupt.h"

#include "moru/Support/Files.h"
#include "moru/Support/MappedFiles.h"

#include "llvm/Support/ErrorHandling.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <unistd.h>

namespace moru {

static std::atomic<bool> deferred{false}, interrupted{false}, unreachable{false};
static std::atomic<void *> unreachableAddress{nullptr};
static pthread_t signalThread;

void deferInterrupt() { deferred = true; }
bool isInterrupted() { return interrupted; }

static void say(const char *message) {
  if (write(STDERR_FILENO, message, std::strlen(message)) < 0) // nobody is left to be told
    return;
}

static sigset_t endingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals, signal);
  return signals;
}

/// A mapped file that was cut off is an error as any other; whatever else the signal means is not.
static void endUnreachable() {
  std::string path = mappedFileAt(unreachableAddress);
  if (path.empty()) {
    std::signal(SIGBUS, SIG_DFL);
    raise(SIGBUS);
  }
  removeTemporaries();
  say("error: cannot read ");
  say(path.c_str());
  say(": it became shorter while it was read; read it again when nobody writes to it. What was saved before is "
      "complete\n");
  _exit(EXIT_FAILURE);
}

/// Leaves the thread that met the error where it is: the one for signals ends the program.
static void handleBusError(int, siginfo_t *info, void *) {
  if (pthread_equal(pthread_self(), signalThread)) {
    std::signal(SIGBUS, SIG_DFL); // and meets the error again
    return;
  }
  void *none = nullptr;
  unreachableAddress.compare_exchange_strong(none, info->si_addr);
  unreachable = true;
  pthread_kill(signalThread, SIGTERM);
  while (true)
    pause();
}

static void *waitForSignals(void *) {
  sigset_t signals = endingSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) == 0) {
    if (unreachable)
      endUnreachable();
    if (deferred && !interrupted.exchange(true))
      continue;
    removeTemporaries();
    say("error: interrupted by ");
    say(signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : "SIGHUP");
    say("; what was saved before is complete, nothing else was kept\n");
    _exit(EXIT_FAILURE);
  }
  return nullptr;
}

void endOutOfMemory() {
  static std::atomic<bool> ending{false};
  // Removing files may want memory itself.
  if (!ending.exchange(true)) {
    say("error: out of memory; what was saved before is complete. Ask for less (a smaller --batch-size, --seq-len or "
        "model), or raise the limit on memory\n");
    removeTemporaries();
  }
  _exit(EXIT_FAILURE);
}

static void handleBadAllocation(void *, const char *, bool) { endOutOfMemory(); }

void endCleanlyWhenInterrupted() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::set_new_handler(endOutOfMemory);
  llvm::install_bad_alloc_error_handler(handleBadAllocation);
  sigset_t signals = endingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (pthread_create(&signalThread, nullptr, waitForSignals, nullptr) != 0) {
    // No memory for a thread: signals do what they always did.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    return;
  }
  pthread_detach(signalThread);
  struct sigaction action = {};
  action.sa_sigaction = handleBusError;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

} // namespace moru
