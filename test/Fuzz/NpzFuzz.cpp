// Any bytes as a .npz file.

#include "Fuzz.h"

#include "moru/Data/Npy.h"

using namespace llvm;
using namespace moru;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<std::vector<NamedTensor>> tensors = parseNpz(fuzz::asText(data, size), "input");
  if (!tensors) {
    fuzz::consume(tensors.takeError());
    return 0;
  }
  size_t total = 0;
  for (const NamedTensor &tensor : *tensors)
    total += tensor.tensor.sizeInBytes();
  fuzz::require(total <= size, "tensors are no larger than their file");
  return 0;
}
