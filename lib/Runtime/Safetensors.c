/* The safetensors reader: a parser of exactly the JSON that a header may contain (so nothing recurses), then the checks
 * that concern several entries at once: duplicate keys, holes, overlap. Fails at the first thing that is wrong and
 * names its byte. */
#include "moru/Runtime/Safetensors.h"

#include "Internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct DtypeInfo {
  const char *name;
  int64_t bytes;
} DtypeInfo;

static const DtypeInfo kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                    {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
enum { kDtypeCount = sizeof kDtypes / sizeof kDtypes[0] };

const char *moru_dtype_name(moru_dtype dtype) { return kDtypes[dtype].name; }
int64_t moru_dtype_bytes(moru_dtype dtype) { return kDtypes[dtype].bytes; }

/* Far above any model's; keeps a header of commas from becoming gigabytes of extents. */
enum { kMaxRank = 64 };

/* A growing array of elements of one size. */
typedef struct Vector {
  char *data;
  size_t count;
  size_t capacity;
} Vector;

/* An entry while the pools may still move: places in the pools instead of pointers. `offset` is where the file names
 * it. */
typedef struct Draft {
  size_t name, shape;
  int64_t rank;
  uint64_t begin, end, offset;
  moru_dtype dtype;
} Draft;

typedef struct DraftPair {
  size_t key, value;
  uint64_t offset;
} DraftPair;

typedef struct Reader {
  const unsigned char *bytes;
  uint64_t position, headerEnd, size;
  moru_error *error;
  Vector strings; /* of char */
  Vector extents; /* of int64_t */
  Vector drafts;  /* of Draft */
  Vector pairs;   /* of DraftPair */
} Reader;

/* The public index and what it owns. */
typedef struct OwnedIndex {
  moru_safetensors index;
  char *strings;
  int64_t *extents;
  moru_safetensors_entry *entries;
  moru_safetensors_pair *pairs;
  const moru_safetensors_entry **byName;
} OwnedIndex;

/*===---------------------------------------------------------------------------------------------------------------------------===*
 * Errors and memory
 *===---------------------------------------------------------------------------------------------------------------------------===*/

__attribute__((format(printf, 3, 4))) static bool fail(Reader *reader, uint64_t offset, const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  moruSetError(reader->error, "byte %" PRIu64 ": %s", offset, text);
  return false;
}

/* "expected <what>, got <the byte there>". */
static bool failExpected(Reader *reader, const char *what) {
  if (reader->position >= reader->headerEnd)
    return fail(reader, reader->position, "expected %s, got the end of the header", what);
  unsigned char byte = reader->bytes[reader->position];
  if (byte > 0x20 && byte < 0x7f)
    return fail(reader, reader->position, "expected %s, got '%c'", what, byte);
  return fail(reader, reader->position, "expected %s, got the byte 0x%02x", what, byte);
}

/* Room for `count` more elements; null where there is no memory. */
static void *grow(Reader *reader, Vector *vector, size_t elementSize, size_t count) {
  if (vector->capacity - vector->count < count) {
    size_t capacity = (vector->count + count) * 2;
    char *data = realloc(vector->data, capacity * elementSize);
    if (!data) {
      fail(reader, reader->position, "expected memory for the index of the header, got none");
      return NULL;
    }
    vector->data = data;
    vector->capacity = capacity;
  }
  void *place = vector->data + vector->count * elementSize;
  vector->count += count;
  return place;
}

static bool appendChar(Reader *reader, char character) {
  char *place = grow(reader, &reader->strings, 1, 1);
  if (place)
    *place = character;
  return place;
}

/*===---------------------------------------------------------------------------------------------------------------------------===*
 * JSON
 *===---------------------------------------------------------------------------------------------------------------------------===*/

static int peek(Reader *reader) { return reader->position < reader->headerEnd ? reader->bytes[reader->position] : -1; }

static void skipSpace(Reader *reader) {
  for (int c = peek(reader); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(reader))
    ++reader->position;
}

/* Skips space, then takes `character` if it is there. */
static bool take(Reader *reader, char character) {
  skipSpace(reader);
  if (peek(reader) != character)
    return false;
  ++reader->position;
  return true;
}

static bool expectChar(Reader *reader, char character) {
  char what[] = {'\'', character, '\'', 0};
  return take(reader, character) || failExpected(reader, what);
}

static bool appendUtf8(Reader *reader, uint32_t code) {
  if (code < 0x80)
    return appendChar(reader, (char)code);
  if (code < 0x800)
    return appendChar(reader, (char)(0xc0 | code >> 6)) && appendChar(reader, (char)(0x80 | (code & 0x3f)));
  if (code < 0x10000)
    return appendChar(reader, (char)(0xe0 | code >> 12)) && appendChar(reader, (char)(0x80 | (code >> 6 & 0x3f))) &&
           appendChar(reader, (char)(0x80 | (code & 0x3f)));
  return appendChar(reader, (char)(0xf0 | code >> 18)) && appendChar(reader, (char)(0x80 | (code >> 12 & 0x3f))) &&
         appendChar(reader, (char)(0x80 | (code >> 6 & 0x3f))) && appendChar(reader, (char)(0x80 | (code & 0x3f)));
}

static int hexDigit(int c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool readHex4(Reader *reader, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; ++i, ++reader->position) {
    int digit = hexDigit(peek(reader));
    if (digit < 0)
      return failExpected(reader, "four hexadecimal digits after \\u");
    *code = *code << 4 | (uint32_t)digit;
  }
  return true;
}

/* After "\u". Halves of a surrogate pair must meet; NUL is refused because names are C strings. */
static bool readUnicodeEscape(Reader *reader) {
  uint64_t start = reader->position - 2;
  uint32_t code, low;
  if (!readHex4(reader, &code))
    return false;
  if (code == 0)
    return fail(reader, start, "expected a character other than NUL in a string, got \\u0000");
  if (code < 0xd800 || code > 0xdfff)
    return appendUtf8(reader, code);
  if (code > 0xdbff || reader->headerEnd - reader->position < 2 ||
      memcmp(reader->bytes + reader->position, "\\u", 2) != 0)
    return fail(reader, start, "expected a pair of surrogates, got the single half \\u%04x", code);
  reader->position += 2;
  if (!readHex4(reader, &low))
    return false;
  if (low < 0xdc00 || low > 0xdfff)
    return fail(reader, start, "expected a pair of surrogates, got \\u%04x\\u%04x", code, low);
  return appendUtf8(reader, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
}

/* After a backslash. */
static bool readEscape(Reader *reader) {
  static const char kFrom[] = "\"\\/bfnrt", kTo[] = "\"\\/\b\f\n\r\t";
  int c = peek(reader);
  if (c == 'u') {
    ++reader->position;
    return readUnicodeEscape(reader);
  }
  const char *found = c > 0 ? strchr(kFrom, c) : NULL;
  if (!found)
    return failExpected(reader, "an escape sequence of JSON after a backslash");
  ++reader->position;
  return appendChar(reader, kTo[found - kFrom]);
}

/* The length of the UTF-8 sequence at the position, 0 where it is malformed (overlong, surrogate, beyond U+10FFFF, cut
 * off). */
static int utf8Length(Reader *reader) {
  const unsigned char *s = reader->bytes + reader->position;
  uint64_t left = reader->headerEnd - reader->position;
  if (s[0] < 0x80)
    return 1;
  int length = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : s[0] >= 0xe0 && s[0] <= 0xef ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
  if (!length || left < (uint64_t)length)
    return 0;
  for (int i = 1; i < length; ++i)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  bool low = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
  bool high = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
  return low || high ? 0 : length;
}

static bool readPlainCharacter(Reader *reader) {
  if (reader->bytes[reader->position] < 0x20)
    return failExpected(reader, "a printable character or an escape in a string");
  int length = utf8Length(reader);
  if (!length)
    return failExpected(reader, "a string in UTF-8");
  char *place = grow(reader, &reader->strings, 1, (size_t)length);
  if (!place)
    return false;
  memcpy(place, reader->bytes + reader->position, (size_t)length);
  reader->position += (uint64_t)length;
  return true;
}

/* A string, decoded into the pool; `place` is where it starts there. */
static bool readString(Reader *reader, const char *what, size_t *place) {
  skipSpace(reader);
  if (!take(reader, '"'))
    return failExpected(reader, what);
  *place = reader->strings.count;
  for (;;) {
    int c = peek(reader);
    if (c < 0)
      return failExpected(reader, "'\"' at the end of a string");
    ++reader->position;
    if (c == '"')
      return appendChar(reader, 0);
    if (c == '\\') {
      if (!readEscape(reader))
        return false;
      continue;
    }
    --reader->position;
    if (!readPlainCharacter(reader))
      return false;
  }
}

/* A string that is not kept. `buffer` is null-terminated and cut where it is too long for any expected value. */
static bool readShortString(Reader *reader, const char *what, char *buffer, size_t capacity) {
  size_t place = 0, before = reader->strings.count;
  if (!readString(reader, what, &place))
    return false;
  snprintf(buffer, capacity, "%s", reader->strings.data + place);
  reader->strings.count = before;
  return true;
}

static bool readNumber(Reader *reader, const char *what, uint64_t limit, uint64_t *value) {
  skipSpace(reader);
  uint64_t start = reader->position;
  *value = 0;
  for (int c = peek(reader); c >= '0' && c <= '9'; c = peek(reader)) {
    uint64_t digit = (uint64_t)(c - '0');
    if (digit > limit || *value > (limit - digit) / 10)
      return fail(reader, start, "expected %s of at most %" PRIu64 ", got a larger number", what, limit);
    *value = *value * 10 + digit;
    ++reader->position;
  }
  if (reader->position == start)
    return failExpected(reader, what);
  if (reader->bytes[start] == '0' && reader->position > start + 1)
    return fail(reader, start, "expected %s, got a number with a leading zero", what);
  int next = peek(reader);
  if (next == '.' || next == 'e' || next == 'E')
    return fail(reader, start, "expected %s, got a fraction", what);
  return true;
}

/*===---------------------------------------------------------------------------------------------------------------------------===*
 * The header's schema
 *===---------------------------------------------------------------------------------------------------------------------------===*/

static bool readDtype(Reader *reader, Draft *draft) {
  char text[16];
  skipSpace(reader);
  uint64_t start = reader->position;
  if (!readShortString(reader, "a string as dtype", text, sizeof text))
    return false;
  for (int i = 0; i < kDtypeCount; ++i) {
    if (strcmp(text, kDtypes[i].name) == 0) {
      draft->dtype = (moru_dtype)i;
      return true;
    }
  }
  return fail(
      reader, start,
      "expected one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL, got '%s'; convert the file to one of these types",
      text);
}

static bool readShape(Reader *reader, Draft *draft) {
  if (!expectChar(reader, '['))
    return false;
  draft->shape = reader->extents.count;
  if (take(reader, ']'))
    return true;
  do {
    uint64_t extent;
    if (draft->rank == kMaxRank)
      return fail(reader, reader->position, "expected at most %d dimensions, got more", kMaxRank);
    if (!readNumber(reader, "an extent", INT64_MAX, &extent))
      return false;
    int64_t *place = grow(reader, &reader->extents, sizeof *place, 1);
    if (!place)
      return false;
    *place = (int64_t)extent;
    ++draft->rank;
  } while (take(reader, ','));
  return take(reader, ']') || failExpected(reader, "',' or ']' in a shape");
}

static bool readOffsets(Reader *reader, Draft *draft) {
  uint64_t limit = reader->size - reader->headerEnd;
  if (!expectChar(reader, '[') || !readNumber(reader, "an offset", limit, &draft->begin) || !expectChar(reader, ',') ||
      !readNumber(reader, "an offset", limit, &draft->end) || !expectChar(reader, ']'))
    return false;
  if (draft->begin > draft->end)
    return fail(reader, draft->offset, "expected offsets in ascending order, got %" PRIu64 " and %" PRIu64,
                draft->begin, draft->end);
  return true;
}

/* The member `key` of a tensor; each of the three exactly once, in any order. */
static bool readMember(Reader *reader, Draft *draft, unsigned *seen) {
  static const char *const kKeys[] = {"dtype", "shape", "data_offsets"};
  char key[24];
  skipSpace(reader);
  uint64_t start = reader->position;
  if (!readShortString(reader, "one of \"dtype\", \"shape\", \"data_offsets\"", key, sizeof key))
    return false;
  unsigned which = 0;
  while (which < 3 && strcmp(key, kKeys[which]) != 0)
    ++which;
  if (which == 3)
    return fail(reader, start, "expected one of \"dtype\", \"shape\", \"data_offsets\", got \"%s\"", key);
  if (*seen & 1u << which)
    return fail(reader, start, "expected \"%s\" once for each tensor, got it twice", key);
  *seen |= 1u << which;
  if (!expectChar(reader, ':'))
    return false;
  return which == 0 ? readDtype(reader, draft) : which == 1 ? readShape(reader, draft) : readOffsets(reader, draft);
}

/* The extents' product, with extents of 0 left out of the overflow check and put back after it, must give the bytes of
 * the offsets. */
static bool checkBytes(Reader *reader, const Draft *draft) {
  const int64_t *shape = (const int64_t *)reader->extents.data + draft->shape;
  int64_t bytes = kDtypes[draft->dtype].bytes;
  bool empty = false;
  for (int64_t i = 0; i < draft->rank; ++i) {
    empty |= shape[i] == 0;
    if (shape[i] != 0 && __builtin_mul_overflow(bytes, shape[i], &bytes))
      return fail(reader, draft->offset,
                  "expected a shape of fewer than 2^63 bytes, got more in dimension %" PRId64 " of extent %" PRId64, i,
                  shape[i]);
  }
  uint64_t expected = empty ? 0 : (uint64_t)bytes, got = draft->end - draft->begin;
  if (expected != got)
    return fail(reader, draft->offset,
                "expected %" PRIu64 " bytes from shape and dtype, got %" PRIu64 " from data_offsets", expected, got);
  return true;
}

static bool readTensor(Reader *reader, size_t name, uint64_t offset) {
  Draft draft = {.name = name, .offset = offset};
  unsigned seen = 0;
  if (!expectChar(reader, '{'))
    return false;
  do {
    if (!readMember(reader, &draft, &seen))
      return false;
  } while (take(reader, ','));
  if (!take(reader, '}'))
    return failExpected(reader, "',' or '}' in the description of a tensor");
  if (seen != 7)
    return fail(reader, offset, "expected \"dtype\", \"shape\" and \"data_offsets\", got a tensor without %s",
                !(seen & 1)   ? "\"dtype\""
                : !(seen & 2) ? "\"shape\""
                              : "\"data_offsets\"");
  if (!checkBytes(reader, &draft))
    return false;
  Draft *place = grow(reader, &reader->drafts, sizeof draft, 1);
  if (place)
    *place = draft;
  return place;
}

static bool readMetadata(Reader *reader) {
  if (!expectChar(reader, '{'))
    return false;
  if (take(reader, '}'))
    return true;
  do {
    DraftPair pair;
    skipSpace(reader);
    pair.offset = reader->position;
    if (!readString(reader, "a string as key of \"__metadata__\"", &pair.key) || !expectChar(reader, ':') ||
        !readString(reader, "a string as value in \"__metadata__\"", &pair.value))
      return false;
    DraftPair *place = grow(reader, &reader->pairs, sizeof pair, 1);
    if (!place)
      return false;
    *place = pair;
  } while (take(reader, ','));
  return take(reader, '}') || failExpected(reader, "',' or '}' in \"__metadata__\"");
}

static bool readEntry(Reader *reader, bool *hasMetadata) {
  size_t name = 0;
  skipSpace(reader);
  uint64_t offset = reader->position;
  if (!readString(reader, "the name of a tensor", &name) || !expectChar(reader, ':'))
    return false;
  if (strcmp(reader->strings.data + name, "__metadata__") != 0)
    return readTensor(reader, name, offset);
  if (*hasMetadata)
    return fail(reader, offset, "expected each key once, got \"__metadata__\" twice");
  *hasMetadata = true;
  return readMetadata(reader);
}

static bool readHeader(Reader *reader) {
  bool hasMetadata = false;
  if (peek(reader) != '{')
    return failExpected(reader, "'{' at the start of the header");
  ++reader->position;
  if (!take(reader, '}')) {
    do {
      if (!readEntry(reader, &hasMetadata))
        return false;
    } while (take(reader, ','));
    if (!take(reader, '}'))
      return failExpected(reader, "',' or '}' after a tensor");
  }
  skipSpace(reader);
  return reader->position == reader->headerEnd || failExpected(reader, "nothing but spaces after the header's '}'");
}

/* The length in front of the header, against the format's limit and the size of the file. */
static bool readLength(Reader *reader) {
  if (reader->size < 8)
    return fail(reader, 0,
                "expected a safetensors file of at least 8 bytes, got %" PRIu64
                "; it is truncated or another kind of file",
                reader->size);
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | reader->bytes[i];
  if (length > MORU_SAFETENSORS_MAX_HEADER)
    return fail(reader, 0, "expected a header of at most %d bytes, got %" PRIu64 "; this is not a safetensors file",
                MORU_SAFETENSORS_MAX_HEADER, length);
  if (length > reader->size - 8)
    return fail(reader, 0, "expected %" PRIu64 " bytes of header, got %" PRIu64 "; the file is truncated", length,
                reader->size - 8);
  reader->position = 8;
  reader->headerEnd = 8 + length;
  return true;
}

/*===---------------------------------------------------------------------------------------------------------------------------===*
 * Checks over all entries
 *===---------------------------------------------------------------------------------------------------------------------------===*/

static int compareUint64(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int compareDrafts(const void *a, const void *b) {
  const Draft *x = a, *y = b;
  int order = compareUint64(x->begin, y->begin);
  order = order ? order : compareUint64(x->end, y->end);
  return order ? order : compareUint64(x->offset, y->offset);
}

/* In order of their offsets, each tensor must begin where the one before ends, and the last must end where the file
 * does. */
static bool checkTiling(Reader *reader) {
  Draft *drafts = (Draft *)reader->drafts.data;
  uint64_t covered = 0, total = reader->size - reader->headerEnd;
  if (reader->drafts.count)
    qsort(drafts, reader->drafts.count, sizeof *drafts, compareDrafts);
  for (size_t i = 0; i < reader->drafts.count; ++i) {
    if (drafts[i].begin != covered)
      return fail(reader, drafts[i].offset,
                  "expected the next tensor to begin at offset %" PRIu64 ", got %" PRIu64 ": %s", covered,
                  drafts[i].begin, drafts[i].begin > covered ? "bytes that belong to no tensor" : "tensors overlap");
    covered = drafts[i].end;
  }
  if (covered != total)
    return fail(reader, reader->headerEnd + covered,
                "expected the file to end after its last tensor, got %" PRIu64 " bytes more", total - covered);
  return true;
}

typedef struct Key {
  const char *text;
  uint64_t offset;
} Key;

static int compareKeys(const void *a, const void *b) {
  const Key *x = a, *y = b;
  int order = strcmp(x->text, y->text);
  return order ? order : compareUint64(x->offset, y->offset);
}

static bool checkUnique(Reader *reader, Key *keys, size_t count) {
  if (count)
    qsort(keys, count, sizeof *keys, compareKeys);
  for (size_t i = 1; i < count; ++i)
    if (strcmp(keys[i - 1].text, keys[i].text) == 0)
      return fail(reader, keys[i].offset, "expected each key once, got \"%.200s\" at byte %" PRIu64 " already",
                  keys[i].text, keys[i - 1].offset);
  return true;
}

static bool checkKeys(Reader *reader) {
  size_t tensors = reader->drafts.count, pairs = reader->pairs.count;
  Key *keys = malloc(((tensors > pairs ? tensors : pairs) + 1) * sizeof *keys);
  if (!keys)
    return fail(reader, 8, "expected memory for the index of the header, got none");
  const Draft *drafts = (const Draft *)reader->drafts.data;
  for (size_t i = 0; i < tensors; ++i)
    keys[i] = (Key){reader->strings.data + drafts[i].name, drafts[i].offset};
  bool unique = checkUnique(reader, keys, tensors);
  const DraftPair *draftPairs = (const DraftPair *)reader->pairs.data;
  for (size_t i = 0; i < pairs; ++i)
    keys[i] = (Key){reader->strings.data + draftPairs[i].key, draftPairs[i].offset};
  unique = unique && checkUnique(reader, keys, pairs);
  free(keys);
  return unique;
}

/*===---------------------------------------------------------------------------------------------------------------------------===*
 * The index
 *===---------------------------------------------------------------------------------------------------------------------------===*/

static int compareNames(const void *a, const void *b) {
  const moru_safetensors_entry *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

static void fillEntries(const Reader *reader, OwnedIndex *owned) {
  const Draft *drafts = (const Draft *)reader->drafts.data;
  for (size_t i = 0; i < reader->drafts.count; ++i) {
    const Draft *draft = &drafts[i];
    owned->entries[i] = (moru_safetensors_entry){.name = owned->strings + draft->name,
                                                 .dtype = draft->dtype,
                                                 .rank = draft->rank,
                                                 .shape = draft->rank ? owned->extents + draft->shape : NULL,
                                                 .begin = reader->headerEnd + draft->begin,
                                                 .end = reader->headerEnd + draft->end};
    owned->byName[i] = &owned->entries[i];
  }
  if (reader->drafts.count)
    qsort(owned->byName, reader->drafts.count, sizeof *owned->byName, compareNames);
  const DraftPair *pairs = (const DraftPair *)reader->pairs.data;
  for (size_t i = 0; i < reader->pairs.count; ++i)
    owned->pairs[i] = (moru_safetensors_pair){owned->strings + pairs[i].key, owned->strings + pairs[i].value};
}

/* Moves the pools from the reader to the index. */
static moru_safetensors *makeIndex(Reader *reader) {
  OwnedIndex *owned = calloc(1, sizeof *owned);
  size_t tensors = reader->drafts.count, pairs = reader->pairs.count;
  if (owned) {
    owned->entries = malloc((tensors + 1) * sizeof *owned->entries);
    owned->byName = malloc((tensors + 1) * sizeof *owned->byName);
    owned->pairs = malloc((pairs + 1) * sizeof *owned->pairs);
  }
  if (!owned || !owned->entries || !owned->byName || !owned->pairs) {
    moru_safetensors_close((moru_safetensors *)owned);
    fail(reader, 8, "expected memory for the index of the header, got none");
    return NULL;
  }
  owned->strings = reader->strings.data;
  owned->extents = (int64_t *)reader->extents.data;
  reader->strings.data = reader->extents.data = NULL;
  fillEntries(reader, owned);
  owned->index = (moru_safetensors){(int64_t)tensors, owned->entries, (int64_t)pairs, owned->pairs, reader->headerEnd};
  return &owned->index;
}

moru_safetensors *moru_safetensors_open(const void *bytes, uint64_t size, moru_error *error) {
  Reader reader = {.bytes = bytes, .size = size, .error = error};
  moru_safetensors *index = NULL;
  if (readLength(&reader) && readHeader(&reader) && checkKeys(&reader) && checkTiling(&reader))
    index = makeIndex(&reader);
  free(reader.strings.data);
  free(reader.extents.data);
  free(reader.drafts.data);
  free(reader.pairs.data);
  return index;
}

void moru_safetensors_close(moru_safetensors *index) {
  if (!index)
    return;
  OwnedIndex *owned = (OwnedIndex *)index;
  free(owned->strings);
  free(owned->extents);
  free(owned->entries);
  free(owned->pairs);
  free(owned->byName);
  free(owned);
}

const moru_safetensors_entry *moru_safetensors_find(const moru_safetensors *index, const char *name) {
  const OwnedIndex *owned = (const OwnedIndex *)index;
  size_t low = 0, high = (size_t)index->entry_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(owned->byName[middle]->name, name);
    if (order == 0)
      return owned->byName[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}
