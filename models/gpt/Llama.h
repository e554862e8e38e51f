// gpt with the blocks of Llama.

#ifndef MORU_MODELS_GPT_LLAMA_H
#define MORU_MODELS_GPT_LLAMA_H

#include "moru/DSL/Model.h"

#include <memory>

namespace moru::models {

/// From the keys V, positions, d, heads, kv_heads, ff and layers.
std::unique_ptr<LanguageModel> makeLlama(Config &config);

} // namespace moru::models

#endif // MORU_MODELS_GPT_LLAMA_H
