//===- Tiles.cpp - operands in tiles, plainly -----------------------------===//

#include "moru/Reference/Tiles.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace moru;
using namespace moru::kernel;

namespace {

/// Where the parts of an entry lie.
class TileMap {
public:
  explicit TileMap(BufferType type) : shape(type), isLhs(type.getTiles().getSide() == TileSide::Lhs) {}

  int64_t locate(int64_t batch, int64_t k, int64_t n, int64_t plane) const {
    int64_t panel = batch * shape.panels + n / TileShape::kPanel, half = n / TileShape::kHalf % 2;
    int64_t tile = panel * shape.getPanelSize() + k / TileShape::kBlock * shape.getBlockSize() +
                   (plane * 2 + half) * TileShape::kTileSize;
    // Neighbors are a pair in one plane, else entries of different halves of the block.
    int64_t inBlock = k % TileShape::kBlock, column = n % TileShape::kHalf;
    int64_t pair = shape.planes == 1 ? inBlock / 2 : inBlock % TileShape::kHalf;
    int64_t second = shape.planes == 1 ? inBlock % 2 : inBlock / TileShape::kHalf;
    int64_t row = isLhs ? column : pair, place = isLhs ? pair : column;
    return tile + row * TileShape::kBlock + place * 2 + second;
  }
  int64_t mark(int64_t batch, int64_t n) const {
    return shape.getMarks() + batch * shape.panels * 2 + n / TileShape::kHalf;
  }

  TileShape shape;
  bool isLhs;
};

/// Where each entry of a tensor of bf16 lies, in row-major order.
void forEachPlace(const TileMap &map, llvm::function_ref<void(int64_t)> visit) {
  for (int64_t batch = 0; batch < map.shape.batches; ++batch)
    for (int64_t k = 0; k < map.shape.depth; ++k)
      for (int64_t n = 0; n < map.shape.columns; ++n)
        visit(map.locate(batch, k, n, 0));
}

uint32_t bitsOf(float value) { return llvm::bit_cast<uint32_t>(value); }
float numberOf(uint32_t bits) { return llvm::bit_cast<float>(bits); }

/// A column of the largest magnitude `most` is a sum of parts of bf16.
bool fits(float most) { return most == 0 || (most >= 0x1p-100f && most < 0x1p127f); }

} // namespace

void reference::packTiles(BufferType type, llvm::ArrayRef<float> entries, uint16_t *target) {
  TileMap map(type);
  const TileShape &shape = map.shape;
  std::fill_n(target, shape.getSizeInBytes() / 2, 0);
  auto entry = [&](int64_t batch, int64_t k, int64_t n) {
    return entries[(batch * shape.depth + k) * shape.columns + n];
  };
  for (int64_t batch = 0; batch < shape.batches; ++batch)
    for (int64_t n = 0; n < shape.columns; ++n) {
      float most = 0;
      for (int64_t k = 0; k < shape.depth; ++k)
        if (float value = std::fabs(entry(batch, k, n)); value > most || std::isnan(value))
          most = std::isnan(most) ? most : value;
      if (!fits(most))
        target[map.mark(batch, n)] = 1;
    }
  for (int64_t batch = 0; batch < shape.batches; ++batch)
    for (int64_t n = 0; n < shape.columns; ++n)
      for (int64_t k = 0; k < shape.depth; ++k) {
        float value = entry(batch, k, n);
        bool isMarked = target[map.mark(batch, n)] != 0;
        for (int64_t plane = 0; plane < shape.planes; ++plane) {
          uint32_t part = isMarked ? (plane == 0   ? bitsOf(value)
                                      : plane == 1 ? bitsOf(value) << 16
                                                   : 0)
                                   : (bitsOf(value) + 0x8000) & 0xffff0000;
          target[map.locate(batch, k, n, plane)] = uint16_t(part >> 16);
          if (!isMarked)
            value -= numberOf(part);
        }
      }
}

llvm::SmallVector<float> reference::unpackTiles(BufferType type, const uint16_t *source) {
  TileMap map(type);
  const TileShape &shape = map.shape;
  llvm::SmallVector<float> entries;
  for (int64_t batch = 0; batch < shape.batches; ++batch)
    for (int64_t k = 0; k < shape.depth; ++k)
      for (int64_t n = 0; n < shape.columns; ++n) {
        auto part = [&](int64_t plane) { return uint32_t(source[map.locate(batch, k, n, plane)]) << 16; };
        float sum = numberOf(part(0));
        for (int64_t plane = 1; plane < shape.planes; ++plane)
          sum += numberOf(part(plane));
        entries.push_back(source[map.mark(batch, n)] ? numberOf(part(0) | part(1) >> 16) : sum);
      }
  return entries;
}

void reference::packTiles(BufferType type, llvm::ArrayRef<uint16_t> entries, uint16_t *target) {
  TileMap map(type);
  std::fill_n(target, map.shape.getSizeInBytes() / 2, 0);
  const uint16_t *next = entries.begin();
  forEachPlace(map, [&](int64_t place) { target[place] = *next++; });
}

llvm::SmallVector<uint16_t> reference::unpackBits(BufferType type, const uint16_t *source) {
  llvm::SmallVector<uint16_t> entries;
  forEachPlace(TileMap(type), [&](int64_t place) { entries.push_back(source[place]); });
  return entries;
}
