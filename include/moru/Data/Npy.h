// NumPy's formats: one array (.npy) and named arrays in an uncompressed zip (.npz). The exchange format of `moru run`.
// Files are treated as hostile; arrays in Fortran order or of the other byte order are converted while reading.

#ifndef MORU_DATA_NPY_H
#define MORU_DATA_NPY_H

#include "moru/Data/Safetensors.h"
#include "moru/Support/HostTensor.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace moru {

/// Reads one array. Types: f2 f4 f8 i1 i2 i4 i8 u1 b1; NumPy has no bf16.
llvm::Expected<HostTensor> readNpy(llvm::StringRef path);
/// The same from memory; `source` names it in errors.
llvm::Expected<HostTensor> parseNpy(llvm::StringRef bytes, llvm::StringRef source);

/// Writes one array. A bf16 tensor is an error that says to convert it.
llvm::Error writeNpy(llvm::StringRef path, const HostTensor &tensor);
llvm::Expected<std::string> formatNpy(const HostTensor &tensor);

/// Reads all arrays, named without `.npy`, in the order of the archive. Only stored members, as `numpy.savez` writes
/// them.
llvm::Expected<std::vector<NamedTensor>> readNpz(llvm::StringRef path);
llvm::Expected<std::vector<NamedTensor>> parseNpz(llvm::StringRef bytes, llvm::StringRef source);

/// Writes arrays under their names; at most 4 GiB together.
llvm::Error writeNpz(llvm::StringRef path, llvm::ArrayRef<TensorRef> tensors);

} // namespace moru

#endif // MORU_DATA_NPY_H
