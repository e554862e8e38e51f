//===- Isolated.cpp - work that may crash ------------------------------------------===//
// A pipe for lines, a file in memory for standard error, timers for loops without an end.
//===----------------------------------------------------------------------===//

#include "Isolated.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace moru;

/// Of what a child wrote to standard error before it died, this much is kept: an assertion and its place.
static constexpr off_t kKeptBytes = 600;

/// How many times longer a child may take than it works: one that waits for nothing would never end.
static constexpr unsigned kWaiting = 30;

void check::limitChild(unsigned seconds) {
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM, SIGPROF, SIGTRAP})
    signal(number, SIG_DFL);
  itimerval work{};
  work.it_value.tv_sec = seconds;
  setitimer(ITIMER_PROF, &work, nullptr);
  alarm(kWaiting * seconds);
}

std::string check::describeEnd(int status, unsigned seconds) {
  if (!WIFSIGNALED(status))
    return "exit code " + std::to_string(WEXITSTATUS(status));
  if (WTERMSIG(status) == SIGPROF)
    return "no end within " + std::to_string(seconds) + " s of work";
  if (WTERMSIG(status) == SIGALRM)
    return "no end within " + std::to_string(kWaiting * seconds) + " s";
  return "signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
}

/// Works and sends, then ends the process without running what the parent has registered for its own end.
[[noreturn]] static void beChild(llvm::function_ref<void(check::SendLine)> work, int target, int errors,
                                 unsigned seconds) {
  dup2(errors, STDERR_FILENO);
  check::limitChild(seconds);
  work([&](llvm::StringRef line) {
    std::string text = (line + "\n").str();
    for (size_t sent = 0; sent < text.size();) {
      ssize_t written = write(target, text.data() + sent, text.size() - sent);
      if (written < 0 && errno != EINTR)
        _exit(1);
      sent += std::max<ssize_t>(written, 0);
    }
    check::limitChild(seconds);
  });
  _exit(0);
}

static void receiveLines(int source, llvm::function_ref<void(llvm::StringRef)> receive) {
  std::string text;
  char buffer[1 << 14];
  while (true) {
    ssize_t count = read(source, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return;
    text.append(buffer, count);
    size_t begin = 0;
    for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      receive(llvm::StringRef(text).slice(begin, end));
    text.erase(0, begin);
  }
}

static std::string describe(int status, int errors, unsigned seconds) {
  std::string reason = check::describeEnd(status, seconds);
  off_t size = lseek(errors, 0, SEEK_END), kept = std::min(size, kKeptBytes);
  std::string text(std::max<off_t>(kept, 0), '\0');
  if (kept > 0 && pread(errors, text.data(), kept, size - kept) == kept)
    reason += ": " + llvm::StringRef(text).trim().str();
  return reason;
}

check::IsolatedEnd check::runIsolated(llvm::function_ref<void(SendLine)> work,
                                      llvm::function_ref<void(llvm::StringRef)> receive, unsigned seconds) {
  int ends[2], errors = memfd_create("stderr", MFD_CLOEXEC);
  if (errors < 0 || pipe(ends) != 0)
    return {false, std::string("no pipe: ") + std::strerror(errno)};
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    beChild(work, ends[1], errors, seconds);
  }
  close(ends[1]);
  if (child > 0)
    receiveLines(ends[0], receive);
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  IsolatedEnd end{child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0, {}};
  if (!end.finished)
    end.reason = child < 0 ? std::string("no process: ") + std::strerror(errno) : describe(status, errors, seconds);
  close(ends[0]);
  close(errors);
  return end;
}
