/* What a user of a compiled model does, in C: a context, a launch, a file of weights. */
#include "moru/Runtime/Runtime.h"
#include "moru/Runtime/Safetensors.h"

#include <stdio.h>
#include <string.h>

static void writeTask(void *const *buffers, int64_t task) { ((int64_t *)buffers[0])[task] = task; }

static int launch(void) {
  moru_error error;
  moru_context *context = moru_context_create(1 << 20, 2, &error);
  if (!context)
    return fprintf(stderr, "%s\n", error.message), 1;
  void *buffers[] = {context->arena};
  context->parallel_for(context, writeTask, buffers, 100);
  int64_t sum = 0;
  for (int i = 0; i < 100; ++i)
    sum += ((int64_t *)buffers[0])[i];
  printf("sum %lld abi %d\n", (long long)sum, moru_abi_version());
  moru_context_destroy(context);
  return 0;
}

static int readFile(void) {
  static const char kHeader[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}";
  unsigned char file[8 + sizeof kHeader - 1 + 24] = {sizeof kHeader - 1};
  memcpy(file + 8, kHeader, sizeof kHeader - 1);
  moru_error error;
  moru_safetensors *index = moru_safetensors_open(file, sizeof file, &error);
  if (!index)
    return fprintf(stderr, "%s\n", error.message), 1;
  const moru_safetensors_entry *w = moru_safetensors_find(index, "w");
  printf("%s %s %lldx%lld %lld bytes\n", w->name, moru_dtype_name(w->dtype), (long long)w->shape[0],
         (long long)w->shape[1], (long long)(w->end - w->begin));
  moru_safetensors_close(index);
  return 0;
}

int main(void) { return launch() || readFile(); }
