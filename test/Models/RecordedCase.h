// A recorded case of a model: first weights, batches, and what an independent program computed from them. Here it is
// compared with the Reference evaluator, in f64; the compiled code is compared by `moru verify`.

#ifndef MORU_TEST_MODELS_RECORDEDCASE_H
#define MORU_TEST_MODELS_RECORDEDCASE_H

#include "moru/DSL/Model.h"

#include <string>

namespace moru::test {

/// Compares logits, loss, gradients, state after batch 0 and all training runs of the case in `folder` with those of a
/// registered model, and reports each difference above the recorded tolerances as a failure of the running test.
void checkRecordedCase(const std::string &folder);

} // namespace moru::test

#endif // MORU_TEST_MODELS_RECORDEDCASE_H
