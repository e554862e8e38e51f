// Any bytes as a .npy file.

#include "Fuzz.h"

#include "moru/Data/Npy.h"

using namespace llvm;
using namespace moru;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<HostTensor> tensor = parseNpy(fuzz::asText(data, size), "input");
  if (!tensor) {
    fuzz::consume(tensor.takeError());
    return 0;
  }
  fuzz::require(tensor->sizeInBytes() <= size, "a tensor is no larger than its file");
  Expected<std::string> written = formatNpy(*tensor);
  if (!written) {
    fuzz::consume(written.takeError());
    return 0;
  }
  fuzz::require(cantFail(parseNpy(*written, "written")).sameBits(*tensor), "a tensor keeps its bits");
  return 0;
}
