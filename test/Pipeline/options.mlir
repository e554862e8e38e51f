// RUN: moru-opt %s --graph-to-simplified | FileCheck %s
// RUN: moru-opt %s --graph-to-simplified=hoist=false | FileCheck %s --check-prefix=LOOP
// RUN: moru-opt %s --graph-to-simplified=decompose=false | FileCheck %s --check-prefix=COMPOSITE
// RUN: moru-opt %s --graph-to-gradient | moru-opt --graph-simplify | FileCheck %s
// The parts of a stage can be left out; the stages one after the other are the stages together.

// CHECK-LABEL: func.func @f
// CHECK-NOT: graph.scan
// CHECK-NOT: graph.softmax
// LOOP-LABEL: func.func @f
// LOOP: graph.scan
// COMPOSITE-LABEL: func.func @f
// COMPOSITE-NOT: graph.scan
// COMPOSITE: graph.softmax
func.func @f(%xs: tensor<5x3xf32>, %w: tensor<3xf32>) -> tensor<5x3xf32> {
  %none = graph.constant dense<0.0> : tensor<f32>
  %loss = graph.scan 5 carry(%l = %none) over(%x = %xs axis 0) : (tensor<f32>, tensor<5x3xf32>) -> tensor<f32> {
    %0 = graph.softmax %x along 0 : tensor<3xf32>
    %1 = graph.contract %0, %w over [0] with [0] : tensor<3xf32>, tensor<3xf32> -> tensor<f32>
    %2 = graph.add %l, %1 : tensor<f32>
    graph.yield carry(%2 : tensor<f32>)
  }
  %d = graph.gradient %loss wrt(%xs) : tensor<f32>, (tensor<5x3xf32>)
  return %d : tensor<5x3xf32>
}
