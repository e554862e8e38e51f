// How a program of ours ends when it is told to, or when its memory or its files are gone: with a message, exit status
// 1, and nothing half written left behind.

#ifndef MORU_SUPPORT_INTERRUPT_H
#define MORU_SUPPORT_INTERRUPT_H

namespace moru {

/// From now on SIGINT, SIGTERM and SIGHUP end the program as above, and so do a failed allocation and a mapped file
/// that somebody cuts off while it is read (SIGBUS). To be called at the start of `main`, before there are threads.
/// SIGPIPE and SIGXFSZ (a limit on the size of files) become errors of the stream that is written to.
void endCleanlyWhenInterrupted();

/// From now on the first signal only makes `isInterrupted` true, for a loop that saves and ends by itself; the second
/// ends the program as above.
void deferInterrupt();
bool isInterrupted();

/// Ends the program as above for want of memory.
[[noreturn]] void endOutOfMemory();

} // namespace moru

#endif // MORU_SUPPORT_INTERRUPT_H
