// The list of the project's models.

#include "models/Models.h"

void moru::models::registerAll() {
  registerGpt();
  registerGptImports();
  registerLstmLm();
  registerLstmLmImports();
  registerSeq2SeqLuong();
  registerSeq2SeqLuongImports();
  registerTinyLm();
  registerTransformer();
  registerTransformerImports();
  registerWorkloads();
}
