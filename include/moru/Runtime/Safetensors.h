/* The project's one reader of the safetensors format, in plain C11. It takes a range of memory (a mapped file), treats
 * it as hostile, and returns an index of what lies where; it copies no tensor data. Every number is checked against the
 * size of the range before it is used; tensors tile the data without holes and without overlap, and no key occurs
 * twice. */
#ifndef MORU_RUNTIME_SAFETENSORS_H
#define MORU_RUNTIME_SAFETENSORS_H

#include "moru/Runtime/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A longer header is an error; the format's own limit. */
#define MORU_SAFETENSORS_MAX_HEADER 100000000

/** Element types, in the order of moru_dtype_name(). */
typedef enum moru_dtype {
  MORU_DTYPE_F64,
  MORU_DTYPE_F32,
  MORU_DTYPE_F16,
  MORU_DTYPE_BF16,
  MORU_DTYPE_I64,
  MORU_DTYPE_I32,
  MORU_DTYPE_I16,
  MORU_DTYPE_I8,
  MORU_DTYPE_U8,
  MORU_DTYPE_BOOL
} moru_dtype;

/** The name in the file ("BF16"), and the bytes of one element. */
const char *moru_dtype_name(moru_dtype dtype);
int64_t moru_dtype_bytes(moru_dtype dtype);

/** One tensor. `begin` and `end` are offsets into the range given to moru_safetensors_open; they are not aligned to
 * anything. The product of the extents other than 0 fits an int64_t, and end - begin is elements times bytes per
 * element. */
typedef struct moru_safetensors_entry {
  const char *name;
  moru_dtype dtype;
  int64_t rank;
  const int64_t *shape;
  uint64_t begin;
  uint64_t end;
} moru_safetensors_entry;

/** One pair of strings of "__metadata__". */
typedef struct moru_safetensors_pair {
  const char *key;
  const char *value;
} moru_safetensors_pair;

/** The index: entries in order of their offsets, metadata in the order of the file. All strings are UTF-8, without NUL
 * inside and NUL-terminated; everything is owned by the index and independent of the range of memory. */
typedef struct moru_safetensors {
  int64_t entry_count;
  const moru_safetensors_entry *entries;
  int64_t metadata_count;
  const moru_safetensors_pair *metadata;
  /** Offset of the first byte after the header. */
  uint64_t data_begin;
} moru_safetensors;

/** Reads the index of the file whose `size` bytes are at `bytes`. On failure returns null and `error` (which may be
 * null) says "byte N: expected …, got …". Freed by moru_safetensors_close. */
moru_safetensors *moru_safetensors_open(const void *bytes, uint64_t size, moru_error *error);
void moru_safetensors_close(moru_safetensors *index);

/** The entry of that name, or null. */
const moru_safetensors_entry *moru_safetensors_find(const moru_safetensors *index, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* MORU_RUNTIME_SAFETENSORS_H */
