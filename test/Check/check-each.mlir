// The checks of a right program find nothing; a mistake planted after a pass of each stage is reported at that pass.

// RUN: moru-opt %S/Inputs/lstm-step.mlir --check=each --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=RIGHT --implicit-check-not=error
// RUN: moru-opt %S/Inputs/difference.mlir --check=each --check-kinds=ordinary,tiny --graph-to-llvm -o /dev/null 2>&1 | count 0
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --check=each --inject=lose-accumulation@graph-expand-gradients#3 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=GRAPH
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --check=each --inject=swap-operands@graph-decompose-composites#3 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=DECOMPOSE
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --check=each --inject=stale-buffer@graph-to-kernel#40 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=KERNELS
// RUN: not moru-opt %S/Inputs/difference.mlir --check=each --inject=drop-op@kernel-to-loops#1 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=LOOPS
// RUN: not moru-opt %S/Inputs/difference.mlir --check=each --inject=drop-op@loops-to-llvm#0 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=LLVM

// Not everything can be decided on huge numbers, which is said.
// RIGHT: remark: checks: compared {{[0-9]+}} entries, {{[0-9]+}} of them undecided: the Reference cannot say what is right there

// GRAPH: lstm-step.mlir:{{[0-9]+}}:{{[0-9]+}}: error: pass 'graph-expand-gradients' (reassociates) has changed result
// GRAPH-SAME: expected {{.*}} within {{.*}}, got
// DECOMPOSE: error: pass 'graph-decompose-composites' (reassociates) has changed result
// KERNELS: error: pass 'graph-to-kernel' (reassociates) has
// LOOPS: difference.mlir:{{[34]}}:{{[0-9]+}}: error: pass 'kernel-to-loops' (reassociates) has changed kernel @{{.*}}: expected {{.*}} within {{.*}}, got
// LLVM: error: pass 'loops-to-llvm' (approximates) has {{changed|made}}

// A mutation needs a kind, a pass and a number.
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --inject=break@kernel-plan#0 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=KIND
// KIND: --inject: expected <kind>@<pass>#<n>, got 'break@kernel-plan#0'; kinds: swap-operands, drop-op
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --inject=drop-op@kernel-plan#99999 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=NUMBER
// NUMBER: --inject: expected a number below {{[0-9]+}} for drop-op after 'kernel-plan', got 99999
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --inject=drop-op@no-such-pass#0 --graph-to-llvm -o /dev/null 2>&1 | %FileCheck %s --check-prefix=PASS
// PASS: --inject: expected a pass of the pipeline, got 'no-such-pass'
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --check=all -o /dev/null 2>&1 | %FileCheck %s --check-prefix=EACH
// EACH: --check: expected 'each', got 'all'
// RUN: not moru-opt %S/Inputs/lstm-step.mlir --check=each --check-kinds=ordinary,odd -o /dev/null 2>&1 | %FileCheck %s --check-prefix=ARGUMENTS
// ARGUMENTS: --check-kinds: expected ordinary, signed, tiny, huge, non-finite or lone, got 'odd'
