// The list of the project's models.

#include "models/Models.h"

void moru::models::registerAll() {
  registerLstmLm();
  registerLstmLmImports();
  registerLstmLmWorkloads();
}
