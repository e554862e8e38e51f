// Byte-pair encoding and decoding. Texts repeat their words: a piece that was encoded before is looked up.

#include "moru/Data/BytePairs.h"

#include "moru/Support/Files.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/CachedHashString.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Allocator.h"

#include <algorithm>
#include <queue>

using namespace llvm;

namespace moru {

//===----------------------------------------------------------------------===//
// Pieces to ids
//===----------------------------------------------------------------------===//

/// Pieces that are remembered: some MB at most. Texts of a million words have fewer distinct ones.
static constexpr size_t kMaxRememberedPieces = 1 << 16;
/// Longer pieces are rarely seen twice.
static constexpr size_t kMaxRememberedLength = 64;

namespace {

/// The ids of pieces seen before.
class PieceMemory {
public:
  std::optional<ArrayRef<int32_t>> find(StringRef piece) const {
    auto found = ids.find(CachedHashStringRef(piece));
    return found == ids.end() ? std::optional<ArrayRef<int32_t>>() : found->second;
  }

  void add(StringRef piece, ArrayRef<int32_t> pieceIds) {
    if (ids.size() < kMaxRememberedPieces && piece.size() <= kMaxRememberedLength)
      ids.try_emplace(CachedHashStringRef(piece.copy(storage)), pieceIds.copy(storage));
  }

private:
  BumpPtrAllocator storage;
  DenseMap<CachedHashStringRef, ArrayRef<int32_t>> ids;
};

/// A run of bytes in a piece that has an id; runs are a linked list by their places.
struct Symbol {
  int32_t id;
  int32_t previous, next;
};

/// A merge that may be done. It is stale where one of the two has been merged since.
struct Candidate {
  int32_t rank, place, left, right;
  /// The top of a priority queue is the greatest: least rank first, then from the left.
  bool operator<(const Candidate &other) const { return rank != other.rank ? rank > other.rank : place > other.place; }
};

} // namespace

class BytePairTokenizer::Encoder {
public:
  Encoder(const BytePairModel &model, ArrayRef<std::string> bytes);

  /// Appends the ids of a section without added tokens; the offset of the first byte that has no id, if there is one.
  std::optional<size_t> encode(StringRef section, std::vector<int32_t> &ids) const;
  /// The next added token at or behind `offset`: its place and length; npos if there is none.
  std::pair<size_t, size_t> findAdded(StringRef text, size_t offset, int32_t &id) const;

private:
  std::optional<size_t> encodePiece(StringRef piece, std::vector<int32_t> &ids) const;
  std::optional<size_t> mergePiece(StringRef piece, std::vector<int32_t> &ids) const;
  void propose(ArrayRef<Symbol> symbols, int32_t place, std::priority_queue<Candidate> &queue) const;
  std::optional<size_t> encode(StringRef section, std::vector<int32_t> &ids, PieceMemory &memory) const;

  struct Merged {
    int32_t rank, result;
  };
  static uint64_t keyOf(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }

  std::array<int32_t, 256> byteIds;
  DenseMap<uint64_t, Merged> merges;
  /// Whole pieces, where merges do not matter for them.
  StringMap<int32_t> wholes;
  StringMap<int32_t> added;
  /// Lengths of added tokens, longest first, and the bytes that they begin with.
  std::vector<size_t> addedLengths;
  std::string addedStarts;

  mutable std::mutex mutex;
  mutable PieceMemory shared;
};

static bool isMoruSpecial(const BytePairModel &model) {
  Vocabulary special(true);
  if (model.added.size() < size_t(kSpecialCount))
    return false;
  for (int32_t id = 0; id < kSpecialCount; ++id)
    if (none_of(model.added, [&](const auto &token) { return token.id == id && token.text == special.token(id); }))
      return false;
  return true;
}

BytePairTokenizer::Encoder::Encoder(const BytePairModel &model, ArrayRef<std::string> bytes) {
  byteIds.fill(-1);
  for (size_t id = 0; id < bytes.size(); ++id) {
    if (bytes[id].size() == 1)
      byteIds[uint8_t(bytes[id].front())] = int32_t(id);
    if (model.ignoreMerges)
      wholes.try_emplace(bytes[id], int32_t(id));
  }
  // A pair that stands twice has the later rank, as for Hugging Face's tokenizers.
  for (auto [rank, merge] : enumerate(model.merges))
    merges[keyOf(merge.left, merge.right)] = {int32_t(rank), merge.result};
  bool special = isMoruSpecial(model);
  for (const BytePairModel::AddedToken &token : model.added) {
    if (special && token.id < kSpecialCount)
      continue;
    added.try_emplace(token.text, token.id);
    addedLengths.push_back(token.text.size());
    addedStarts += token.text.front();
  }
  llvm::sort(addedLengths, std::greater<size_t>());
  addedLengths.erase(llvm::unique(addedLengths), addedLengths.end());
}

void BytePairTokenizer::Encoder::propose(ArrayRef<Symbol> symbols, int32_t place,
                                         std::priority_queue<Candidate> &queue) const {
  if (place < 0 || symbols[place].next < 0)
    return;
  int32_t left = symbols[place].id, right = symbols[symbols[place].next].id;
  if (auto found = merges.find(keyOf(left, right)); found != merges.end())
    queue.push({found->second.rank, place, left, right});
}

std::optional<size_t> BytePairTokenizer::Encoder::mergePiece(StringRef piece, std::vector<int32_t> &ids) const {
  SmallVector<Symbol, 64> symbols;
  for (size_t i = 0; i < piece.size(); ++i) {
    int32_t id = byteIds[uint8_t(piece[i])];
    if (id < 0)
      return i;
    symbols.push_back({id, int32_t(i) - 1, i + 1 < piece.size() ? int32_t(i) + 1 : -1});
  }
  std::priority_queue<Candidate> queue;
  for (size_t i = 0; i < symbols.size(); ++i)
    propose(symbols, int32_t(i), queue);
  while (!queue.empty()) {
    Candidate top = queue.top();
    queue.pop();
    Symbol &left = symbols[top.place];
    if (left.id != top.left || left.next < 0 || symbols[left.next].id != top.right)
      continue;
    Symbol &right = symbols[left.next];
    left.id = merges.find(keyOf(top.left, top.right))->second.result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0)
      symbols[left.next].previous = top.place;
    propose(symbols, left.previous, queue);
    propose(symbols, top.place, queue);
  }
  for (int32_t place = 0; place >= 0; place = symbols[place].next)
    ids.push_back(symbols[place].id);
  return std::nullopt;
}

std::optional<size_t> BytePairTokenizer::Encoder::encodePiece(StringRef piece, std::vector<int32_t> &ids) const {
  if (auto whole = wholes.find(piece); whole != wholes.end()) {
    ids.push_back(whole->second);
    return std::nullopt;
  }
  return mergePiece(piece, ids);
}

std::optional<size_t> BytePairTokenizer::Encoder::encode(StringRef section, std::vector<int32_t> &ids,
                                                         PieceMemory &memory) const {
  std::optional<size_t> missing;
  visitBytePairPieces(section, [&](StringRef piece) {
    if (missing)
      return;
    if (std::optional<ArrayRef<int32_t>> known = memory.find(piece)) {
      ids.insert(ids.end(), known->begin(), known->end());
      return;
    }
    size_t before = ids.size();
    if (std::optional<size_t> offset = encodePiece(piece, ids))
      missing = size_t(piece.data() - section.data()) + *offset;
    else
      memory.add(piece, ArrayRef(ids).drop_front(before));
  });
  return missing;
}

std::optional<size_t> BytePairTokenizer::Encoder::encode(StringRef section, std::vector<int32_t> &ids) const {
  // One thread at a time has the memory; another one works without what was seen before.
  if (std::unique_lock<std::mutex> lock(mutex, std::try_to_lock); lock.owns_lock())
    return encode(section, ids, shared);
  PieceMemory own;
  return encode(section, ids, own);
}

std::pair<size_t, size_t> BytePairTokenizer::Encoder::findAdded(StringRef text, size_t offset, int32_t &id) const {
  if (!addedStarts.empty())
    while ((offset = text.find_first_of(addedStarts, offset)) != StringRef::npos) {
      for (size_t length : addedLengths)
        if (auto found = added.find(text.substr(offset, length)); found != added.end()) {
          id = found->second;
          return {offset, found->first().size()};
        }
      ++offset;
    }
  return {StringRef::npos, 0};
}

//===----------------------------------------------------------------------===//
// BytePairTokenizer
//===----------------------------------------------------------------------===//

BytePairTokenizer::BytePairTokenizer(BytePairModel given) : model(std::move(given)), special(isMoruSpecial(model)) {
  bytes.reserve(model.spellings.size());
  for (const std::string &spelling : model.spellings)
    bytes.push_back(unspellBytes(spelling).value_or(spelling));
  for (const BytePairModel::AddedToken &token : model.added)
    bytes[token.id] = token.text;
  encoder = std::make_unique<Encoder>(model, bytes);
}

BytePairTokenizer::~BytePairTokenizer() = default;

Expected<std::vector<int32_t>> BytePairTokenizer::encode(StringRef text, StringRef source) const {
  if (text.size() >= size_t(INT32_MAX))
    return makeError(source + ": expected a text below 2 GiB, got " + Twine(text.size()) + " bytes; cut it");
  std::vector<int32_t> ids;
  auto encodeSection = [&](size_t begin, size_t end) -> Error {
    StringRef section = text.slice(begin, end);
    std::string prefixed;
    if (model.prefixSpace && !section.empty() && section.front() != ' ')
      section = prefixed = (" " + section).str();
    std::optional<size_t> missing = encoder->encode(section, ids);
    if (!missing)
      return Error::success();
    return makeError(source + ": byte " + Twine(begin + *missing - (prefixed.empty() ? 0 : 1)) +
                     ": expected a byte of the vocabulary, got 0x" +
                     utohexstr(uint8_t(section[*missing]), /*LowerCase=*/true, /*Width=*/2) +
                     "; the tokenizer was trained without it");
  };
  for (size_t offset = 0; offset <= text.size();) {
    int32_t id = 0;
    auto [place, length] = encoder->findAdded(text, offset, id);
    if (Error error = encodeSection(offset, std::min(place, text.size())))
      return std::move(error);
    if (place == StringRef::npos)
      break;
    ids.push_back(id);
    offset = place + length;
  }
  return ids;
}

Expected<std::string> BytePairTokenizer::decode(ArrayRef<int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) {
    if (id < 0 || id >= size())
      return makeError("expected an id from 0 to " + Twine(size() - 1) + ", got " + Twine(id) +
                       "; are the ids of another tokenizer?");
    if (!isSpecial(id) || id == kUnknownId)
      text += bytes[id];
  }
  if (model.prefixSpace && !text.empty() && text.front() == ' ')
    text.erase(0, 1);
  return text;
}

std::string BytePairTokenizer::describe(int32_t id) const { return escapeBytes(bytes[id]); }

} // namespace moru
