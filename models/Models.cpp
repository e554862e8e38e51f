// The list of the project's models.

#include "models/Models.h"

void moru::models::registerAll() {
  registerGpt();
  registerLstmLm();
  registerLstmLmImports();
  registerLstmLmWorkloads();
  registerSeq2SeqLuong();
  registerTinyLm();
  registerTransformer();
}
