//===- NativeMemory.cpp - memory and processes for compiled code -----------------===//
// A piece of shared memory, images of buffers in it, and the child that works on them.
//===----------------------------------------------------------------------===//

#include "Isolated.h"
#include "Native.h"

#include "moru/Reference/Tiles.h"
#include "moru/Runtime/Runtime.h"

#include "moru/Support/HostTensor.h"

#include "llvm/Support/xxhash.h"

#include <cmath>
#include <cstring>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace moru;
using namespace moru::check;
using reference::Tensor;

/// 0xFFFF… is NaN as f32, f64 and bf16, and -1 as an integer.
static constexpr uint8_t kFill = 0xFF;

/// Bytes before and behind each piece: a page, and more than the widest tile that a kernel stores at once.
static constexpr int64_t kGuard = 4096;

/// A child that takes longer runs an endless loop: plain code of the largest checked kernel takes well under a second.
static constexpr unsigned kSeconds = 20;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

SharedMemory::SharedMemory(int64_t bytes) : capacity(bytes) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  base = memory == MAP_FAILED ? nullptr : static_cast<uint8_t *>(memory);
}

SharedMemory::~SharedMemory() {
  if (base)
    munmap(base, capacity);
}

int64_t SharedMemory::spaceFor(int64_t bytes) { return (bytes + kGuard - 1) / kGuard * kGuard + 2 * kGuard; }

uint8_t *SharedMemory::allocate(int64_t bytes) {
  int64_t space = spaceFor(bytes);
  if (!base || used + space > capacity)
    return nullptr;
  uint8_t *behind = base + used + space - kGuard;
  std::memset(base + used, kFill, space - kGuard);
  used += space;
  mprotect(behind, kGuard, PROT_NONE);
  return behind - bytes;
}

BufferImage::BufferImage(SharedMemory &memory, kernel::BufferType type)
    : type(type), bytes(memory.allocate(type.getSizeInBytes())) {
  assert(bytes && "shared memory of the size that was asked for");
}

/// Writes a quiet NaN with all bits of the significand: where it is rounded like a number, it becomes one. (Functions
/// may take a signaling one for something else, such as pow(1, NaN) for NaN.)
static void writeNaN(uint8_t *place, const llvm::fltSemantics &semantics, bool isNegative) {
  APInt payload = APInt::getAllOnes(64);
  uint64_t bits = APFloat::getQNaN(semantics, isNegative, &payload).bitcastToAPInt().getZExtValue();
  std::memcpy(place, &bits, APFloat::getSizeInBits(semantics) / 8);
}

/// Stores `tensor` in the layout of `type` at `bytes`.
static void writeEntries(kernel::BufferType type, const Tensor &tensor, uint8_t *bytes) {
  HostTensor host = reference::toHost(tensor);
  int64_t width = type.getElementBytes();
  const auto *source = static_cast<const uint8_t *>(host.bytes());
  auto floatType = dyn_cast<FloatType>(type.getElementType());
  if (type.getTiles()) {
    auto *target = reinterpret_cast<uint16_t *>(bytes);
    size_t count = host.numElements();
    if (type.getElementType().isBF16())
      return reference::packTiles(type, ArrayRef(reinterpret_cast<const uint16_t *>(source), count), target);
    return reference::packTiles(type, ArrayRef(host.data<float>(), count), target);
  }
  reference::forEachEntry(type, [&](int64_t linear, int64_t offset) {
    // Of either sign, at each place.
    if (double entry = tensor.at(linear); floatType && std::isnan(entry))
      writeNaN(bytes + offset * width, floatType.getFloatSemantics(), std::signbit(entry) != (linear % 2 == 0));
    else
      std::memcpy(bytes + offset * width, source + linear * width, width);
  });
}

void BufferImage::write(const Tensor &tensor) {
  writeEntries(type, tensor, bytes);
  written = hash();
}

uint64_t BufferImage::hash() const { return llvm::xxh3_64bits(llvm::ArrayRef(bytes, size_t(type.getSizeInBytes()))); }

bool BufferImage::isAsWritten() const { return hash() == written; }

Tensor BufferImage::read() const {
  RankedTensorType tensorType = type.getTensorType();
  HostTensor host(reference::hostElementType(tensorType.getElementType()),
                  Shape(tensorType.getShape().begin(), tensorType.getShape().end()));
  int64_t width = type.getElementBytes();
  auto *target = static_cast<uint8_t *>(host.bytes());
  if (type.getTiles()) {
    const auto *entries = reinterpret_cast<const uint16_t *>(bytes);
    if (type.getElementType().isBF16())
      llvm::copy(reference::unpackBits(type, entries), reinterpret_cast<uint16_t *>(target));
    else
      llvm::copy(reference::unpackTiles(type, entries), host.data<float>());
    return reference::fromHost(host, tensorType);
  }
  reference::forEachEntry(type, [&](int64_t linear, int64_t offset) {
    std::memcpy(target + linear * width, bytes + offset * width, width);
  });
  return reference::fromHost(host, tensorType);
}

std::optional<int64_t> BufferImage::findStrayWrite() const {
  int64_t size = type.getSizeInBytes(), width = type.getElementBytes();
  std::vector<bool> mayChange(size, type.isPacked());
  reference::forEachEntry(
      type, [&](int64_t, int64_t offset) { std::fill_n(mayChange.begin() + offset * width, width, true); });
  for (int64_t i = -kGuard; i < size; ++i)
    if ((i < 0 || !mayChange[i]) && bytes[i] != kFill)
      return i;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Children
//===----------------------------------------------------------------------===//

ChildResult check::runInChild(llvm::function_ref<void(int64_t &)> work) {
  SharedMemory note(SharedMemory::spaceFor(64));
  auto *progress = reinterpret_cast<int64_t *>(note.allocate(64));
  *progress = 0;
  pid_t child = fork();
  if (child == 0) {
    (void)moru_request_tiles();
    limitChild(kSeconds);
    work(*progress);
    _exit(0);
  }
  if (child < 0)
    return {false, 0, std::string("no process: ") + std::strerror(errno)};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return {true, *progress, {}};
  return {false, *progress, describeEnd(status, kSeconds)};
}
