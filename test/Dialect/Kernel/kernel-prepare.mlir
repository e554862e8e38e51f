// What is made of parameters alone is set apart; what else is needed stays where it is.
// RUN: moru-opt %s --kernel-prepare | FileCheck %s
// RUN: moru-opt %s --kernel-prepare --kernel-plan --kernel-verify-plan | FileCheck %s --check-prefix=PLAN
// RUN: moru-opt %s --kernel-prepare --kernel-plan --kernel-verify-plan --kernel-to-loops --loops-to-llvm --check=each -o /dev/null

// "exp" and "tanh" of a view are made of %w; "scale" needs the input, and so does all behind it. %v is updated: what is made of it is not.
// What is prepared keeps its place: nothing else may lie there.
// CHECK-LABEL: func.func @example
// CHECK: kernel.prepare {
// CHECK: kernel.compute map "exp"
// CHECK: kernel.compute map "tanh"
// CHECK-NEXT: graph.tanh
// CHECK-NEXT: kernel.yield
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK: kernel.compute map "scale"
// CHECK: kernel.compute map "neg"
// CHECK: kernel.compute map "add"
// PLAN-LABEL: func.func @example
// PLAN-SAME: kernel.arena = 192
// PLAN: kernel.alloc at 0
// PLAN: kernel.alloc at 64
// PLAN: kernel.alloc at 128
func.func @example(%w: !kernel.buffer<8xf32> {graph.name = "w", graph.role = "parameter"},
                   %v: !kernel.buffer<4xf32> {graph.name = "v", graph.role = "parameter", kernel.updated = "new.v"},
                   %x: !kernel.buffer<4xf32> {graph.name = "x", graph.role = "input"},
                   %y: !kernel.buffer<4xf32> {graph.name = "y", graph.role = "output"}) {
  %a = kernel.alloc : !kernel.buffer<8xf32>
  %s = kernel.alloc : !kernel.buffer<4xf32>
  %b = kernel.alloc : !kernel.buffer<4xf32>
  kernel.compute map "scale" reads(%0 = %x) writes(%s) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.add %0, %0 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  kernel.compute map "exp" reads(%0 = %w) writes(%a) : (!kernel.buffer<8xf32>) -> (!kernel.buffer<8xf32>) {
    %r = graph.exp %0 : tensor<8xf32>
    kernel.yield %r : tensor<8xf32>
  }
  %part = kernel.view %a at 4 : !kernel.buffer<8xf32> -> !kernel.buffer<4xf32>
  kernel.compute map "tanh" reads(%0 = %part) writes(%b) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.tanh %0 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  kernel.compute map "neg" reads(%0 = %v) writes(%v) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.neg %0 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  kernel.compute map "add" reads(%0 = %s, %1 = %b, %2 = %part) writes(%y) : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.add %0, %1 : tensor<4xf32>
    %t = graph.add %r, %2 : tensor<4xf32>
    kernel.yield %t : tensor<4xf32>
  }
  return
}

// -----

// A buffer that another kernel writes to as well is nobody's for good.
// CHECK-LABEL: func.func @written_twice
// CHECK-NOT: kernel.prepare
func.func @written_twice(%w: !kernel.buffer<4xf32> {graph.name = "w", graph.role = "parameter"},
                         %x: !kernel.buffer<4xf32> {graph.name = "x", graph.role = "input"},
                         %y: !kernel.buffer<4xf32> {graph.name = "y", graph.role = "output"}) {
  %a = kernel.alloc : !kernel.buffer<4xf32>
  kernel.compute map "exp" reads(%0 = %w) writes(%a) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.exp %0 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  kernel.compute map "add" reads(%0 = %a, %1 = %x) writes(%a) : (!kernel.buffer<4xf32>, !kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.add %0, %1 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  kernel.compute map "tanh" reads(%0 = %a) writes(%y) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
    %r = graph.tanh %0 : tensor<4xf32>
    kernel.yield %r : tensor<4xf32>
  }
  return
}
