// Floating-point operations that a program asks for.

#ifndef MORU_TRAIN_COUNTFLOPS_H
#define MORU_TRAIN_COUNTFLOPS_H

#include "moru/DSL/Program.h"

namespace moru {

/// Multiplications and additions of the contractions of a function as it was written, those in loops once per step: the
/// model's work, not what the compiler makes of it. 0 where there is no such function.
double countContractionFlops(const Program &program, std::string_view function);

} // namespace moru

#endif // MORU_TRAIN_COUNTFLOPS_H
