// Everything that a model's author needs.

#ifndef MORU_DSL_MORU_H
#define MORU_DSL_MORU_H

#include "moru/DSL/CheckGradient.h"
#include "moru/DSL/Compile.h"
#include "moru/DSL/Config.h"
#include "moru/DSL/ControlFlow.h"
#include "moru/DSL/Model.h"
#include "moru/DSL/Module.h"
#include "moru/DSL/Nn.h"
#include "moru/DSL/Ops.h"
#include "moru/DSL/Optim.h"
#include "moru/DSL/Program.h"
#include "moru/DSL/Scan.h"
#include "moru/DSL/Tensor.h"

#endif // MORU_DSL_MORU_H
