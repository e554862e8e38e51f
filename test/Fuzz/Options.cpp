// What the sanitizers are to do in a fuzz target.

extern "C" const char *__asan_default_options() {
  // LLVM's allocators poison their memory in our code, from headers, and do not unpoison it in its own, which has no
  // sanitizer; what LLVM and MLIR keep to the end is not a leak of ours.
  return "allow_user_poisoning=0:detect_leaks=0:symbolize=1:allocator_may_return_null=0";
}

extern "C" const char *__ubsan_default_options() { return "print_stacktrace=1"; }
