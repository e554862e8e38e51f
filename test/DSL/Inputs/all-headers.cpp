#include "moru/DSL/Import.h"
#include "moru/DSL/Moru.h"

int main() { return 0; }
