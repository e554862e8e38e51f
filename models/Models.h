// The models of this project. A new model declares its function here and is called in Models.cpp; nothing else names
// it.

#ifndef MORU_MODELS_MODELS_H
#define MORU_MODELS_MODELS_H

namespace moru::models {

void registerGpt();
void registerGptImports();
void registerLstmLm();
void registerLstmLmImports();
void registerSeq2SeqLuong();
void registerSeq2SeqLuongImports();
void registerTinyLm();
void registerTransformer();
void registerTransformerImports();
void registerWorkloads();

/// Makes all of them known; what a tool calls first.
void registerAll();

} // namespace moru::models

#endif // MORU_MODELS_MODELS_H
