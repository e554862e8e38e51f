//===- BoundedTest.cpp - bounded dimensions, as machine code --------------===//
// Programs with bounded dimensions, and the gradients of what they put out, compiled once and called at several lengths
// with NaN in the padding: what comes out is what the Reference makes of the program at that length, where there is no
// padding.
//===----------------------------------------------------------------------===//

#include "moru/Compiler/CompileModule.h"
#include "moru/Dialect/Graph/Graph.h"
#include "moru/Pipeline/Pipeline.h"
#include "moru/Reference/Evaluator.h"
#include "moru/Reference/Tolerances.h"
#include "moru/Support/Philox.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace moru;
using moru::reference::Tensor;

namespace {

/// A program; `#n`, `#n3` … stand for encodings, see kAliases.
struct Case {
  const char *name;
  const char *text;
  /// Its gradient is tried too.
  bool differentiable = true;
};

/// n and m are the bounded dimensions.
constexpr char kAliases[] = R"(
#n = #graph.dims<n max 5>
#n_ = #graph.dims<n max 5, _>
#_n = #graph.dims<_, n max 5>
#n__ = #graph.dims<n max 5, _, _>
#_n_ = #graph.dims<_, n max 5, _>
#__n = #graph.dims<_, _, n max 5>
#m_ = #graph.dims<m max 7, _>
#_m = #graph.dims<_, m max 7>
#_m_ = #graph.dims<_, m max 7, _>
#nm = #graph.dims<n max 5, m max 7>
)";

const Case kCases[] = {
    {"elementwise", R"(func.func @f(%x: tensor<?x3xf32, #n_>, %b: tensor<3xf32>) -> tensor<?x3xf32, #n_> {
  %c = graph.broadcast %b along [1] : tensor<3xf32> -> tensor<?x3xf32, #n_>
  %1 = graph.mul %x, %c : tensor<?x3xf32, #n_>
  %2 = graph.exp %1 : tensor<?x3xf32, #n_>
  %3 = graph.log %2 : tensor<?x3xf32, #n_>
  %4 = graph.div %3, %2 : tensor<?x3xf32, #n_>
  return %4 : tensor<?x3xf32, #n_>
})"},
    // Padding of zeros becomes infinite, and its derivative NaN: the sum over the repetitions of %b must not see it.
    {"singular_at_zero", R"(func.func @f(%x: tensor<?xf32, #n>, %b: tensor<f32>) -> tensor<f32> {
  %c = graph.broadcast %b along [] : tensor<f32> -> tensor<?xf32, #n>
  %1 = graph.mul %x, %c : tensor<?xf32, #n>
  %2 = graph.mul %1, %1 : tensor<?xf32, #n>
  %3 = graph.log %2 : tensor<?xf32, #n>
  %4 = graph.reduce_sum %3 over [0] : tensor<?xf32, #n> -> tensor<f32>
  return %4 : tensor<f32>
})"},
    {"contract_free", R"(func.func @f(%x: tensor<2x?x3xf32, #_n_>, %w: tensor<3x4xf32>) -> tensor<2x?x4xf32, #_n_> {
  %y = graph.contract %x, %w over [2] with [0] : tensor<2x?x3xf32, #_n_>, tensor<3x4xf32> -> tensor<2x?x4xf32, #_n_>
  return %y : tensor<2x?x4xf32, #_n_>
})"},
    {"contract_over", R"(func.func @f(%x: tensor<?x3xf32, #n_>, %y: tensor<2x?xf32, #_n>) -> tensor<3x2xf32> {
  %z = graph.contract %x, %y over [0] with [1] : tensor<?x3xf32, #n_>, tensor<2x?xf32, #_n> -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
})"},
    {"contract_batch",
     R"(func.func @f(%x: tensor<?x2x3xf32, #n__>, %y: tensor<?x3x4xf32, #n__>) -> tensor<?x2x4xf32, #n__> {
  %z = graph.contract %x, %y over [2] with [1] batch [0] with [0] : tensor<?x2x3xf32, #n__>, tensor<?x3x4xf32, #n__> -> tensor<?x2x4xf32, #n__>
  return %z : tensor<?x2x4xf32, #n__>
})"},
    {"attention",
     R"(func.func @f(%q: tensor<?x3xf32, #n_>, %k: tensor<?x3xf32, #m_>, %v: tensor<?x2xf32, #m_>) -> tensor<?x2xf32, #n_> {
  %s = graph.contract %q, %k over [1] with [1] : tensor<?x3xf32, #n_>, tensor<?x3xf32, #m_> -> tensor<?x?xf32, #nm>
  %p = graph.softmax %s along 1 : tensor<?x?xf32, #nm>
  %y = graph.contract %p, %v over [1] with [0] : tensor<?x?xf32, #nm>, tensor<?x2xf32, #m_> -> tensor<?x2xf32, #n_>
  return %y : tensor<?x2xf32, #n_>
})"},
    {"attention_causal",
     R"(func.func @f(%q: tensor<2x?x4xf32, #_n_>, %k: tensor<2x?x4xf32, #_n_>, %v: tensor<2x?x3xf32, #_n_>) -> tensor<2x?x3xf32, #_n_> {
  %y = graph.attention causal %q, %k, %v : (tensor<2x?x4xf32, #_n_>, tensor<2x?x4xf32, #_n_>, tensor<2x?x3xf32, #_n_>) -> tensor<2x?x3xf32, #_n_>
  return %y : tensor<2x?x3xf32, #_n_>
})"},
    {"attention_keys",
     R"(func.func @f(%q: tensor<2x?x4xf32, #_n_>, %k: tensor<2x?x4xf32, #_m_>, %v: tensor<2x?x3xf32, #_m_>, %m: tensor<2x?xi1, #_m>) -> tensor<2x?x3xf32, #_n_> {
  %y = graph.attention keys %q, %k, %v mask %m : (tensor<2x?x4xf32, #_n_>, tensor<2x?x4xf32, #_m_>, tensor<2x?x3xf32, #_m_>, tensor<2x?xi1, #_m>) -> tensor<2x?x3xf32, #_n_>
  return %y : tensor<2x?x3xf32, #_n_>
})"},
    {"dropout",
     R"(func.func @f(%x: tensor<3x?xf32, #_n>, %key: tensor<i64>, %step: tensor<i32>) -> (tensor<3x?xf32, #_n>, tensor<3xf32>) {
  %d = graph.dropout %x rate 0.25 key %key counter %step stream 3 : tensor<3x?xf32, #_n>, tensor<i64>, tensor<i32>
  %r = graph.random_normal key %key counter %step stream 4 : tensor<i64>, tensor<i32> -> tensor<3x?xf32, #_n>
  %y = graph.add %d, %r : tensor<3x?xf32, #_n>
  %s = graph.reduce_sum %y over [1] : tensor<3x?xf32, #_n> -> tensor<3xf32>
  return %y, %s : tensor<3x?xf32, #_n>, tensor<3xf32>
})"},
    {"smoothing", R"(func.func @f(%x: tensor<?x4xf32, #n_>, %t: tensor<?xi32, #n>) -> tensor<f32> {
  %a = graph.softmax_cross_entropy %x, %t ignore 2 smoothing 0.125 : tensor<?x4xf32, #n_>, tensor<?xi32, #n> -> tensor<f32>
  return %a : tensor<f32>
})"},
    {"reduce_sum", R"(func.func @f(%x: tensor<2x?x3xf32, #_n_>) -> (tensor<2xf32>, tensor<2x3xf32>, tensor<?xf32, #n>) {
  %a = graph.reduce_sum %x over [1, 2] : tensor<2x?x3xf32, #_n_> -> tensor<2xf32>
  %b = graph.reduce_sum %x over [1] : tensor<2x?x3xf32, #_n_> -> tensor<2x3xf32>
  %c = graph.reduce_sum %x over [0, 2] : tensor<2x?x3xf32, #_n_> -> tensor<?xf32, #n>
  return %a, %b, %c : tensor<2xf32>, tensor<2x3xf32>, tensor<?xf32, #n>
})"},
    {"reduce_max_min", R"(func.func @f(%x: tensor<?x3xf32, #n_>) -> (tensor<3xf32>, tensor<3xf32>) {
  %a = graph.reduce_max %x over [0] : tensor<?x3xf32, #n_> -> tensor<3xf32>
  %b = graph.reduce_min %x over [0] : tensor<?x3xf32, #n_> -> tensor<3xf32>
  %lo = graph.constant dense<-9.0> : tensor<3xf32>
  %hi = graph.constant dense<9.0> : tensor<3xf32>
  %c = graph.maximum %a, %lo : tensor<3xf32>
  %d = graph.minimum %b, %hi : tensor<3xf32>
  return %c, %d : tensor<3xf32>, tensor<3xf32>
})"},
    {"reduce_prod", R"(func.func @f(%x: tensor<2x?xf32, #_n>) -> tensor<2xf32> {
  %a = graph.reduce_prod %x over [1] : tensor<2x?xf32, #_n> -> tensor<2xf32>
  return %a : tensor<2xf32>
})"},
    {"reduce_integers", R"(func.func @f(%x: tensor<?x3xi32, #n_>) -> (tensor<3xi32>, tensor<3xi32>, tensor<3xi32>) {
  %a = graph.reduce_max %x over [0] : tensor<?x3xi32, #n_> -> tensor<3xi32>
  %b = graph.reduce_sum %x over [0] : tensor<?x3xi32, #n_> -> tensor<3xi32>
  %c = graph.reduce_min %x over [0] : tensor<?x3xi32, #n_> -> tensor<3xi32>
  return %a, %b, %c : tensor<3xi32>, tensor<3xi32>, tensor<3xi32>
})",
     false},
    {"argmax", R"(func.func @f(%x: tensor<?x3xf32, #n_>) -> tensor<3xi32> {
  %a = graph.argmax %x over 0 : tensor<?x3xf32, #n_> -> tensor<3xi32>
  return %a : tensor<3xi32>
})",
     false},
    {"top_k", R"(func.func @f(%x: tensor<3x?xf32, #_n>) -> (tensor<3x2xf32>, tensor<3x2xi32>) {
  %a, %b = graph.top_k 2 of %x : tensor<3x?xf32, #_n> -> tensor<3x2xf32>, tensor<3x2xi32>
  return %a, %b : tensor<3x2xf32>, tensor<3x2xi32>
})",
     false},
    {"cumsum",
     R"(func.func @f(%x: tensor<?x2xf32, #n_>) -> (tensor<?x2xf32, #n_>, tensor<?x2xf32, #n_>, tensor<?x2xf32, #n_>) {
  %a = graph.cumsum %x along 0 : tensor<?x2xf32, #n_>
  %b = graph.cumsum %x along 0 reverse : tensor<?x2xf32, #n_>
  %c = graph.cumsum %x along 0 exclusive reverse : tensor<?x2xf32, #n_>
  return %a, %b, %c : tensor<?x2xf32, #n_>, tensor<?x2xf32, #n_>, tensor<?x2xf32, #n_>
})"},
    {"softmax", R"(func.func @f(%x: tensor<2x?xf32, #_n>) -> (tensor<2x?xf32, #_n>, tensor<2x?xf32, #_n>) {
  %a = graph.softmax %x along 1 : tensor<2x?xf32, #_n>
  %b = graph.log_softmax %x along 1 : tensor<2x?xf32, #_n>
  return %a, %b : tensor<2x?xf32, #_n>, tensor<2x?xf32, #_n>
})"},
    {"logsumexp", R"(func.func @f(%x: tensor<2x?xf32, #_n>) -> tensor<2xf32> {
  %a = graph.logsumexp %x over 1 : tensor<2x?xf32, #_n> -> tensor<2xf32>
  %lo = graph.constant dense<-9.0> : tensor<2xf32>
  %b = graph.maximum %a, %lo : tensor<2xf32>
  return %b : tensor<2xf32>
})"},
    {"norms",
     R"(func.func @f(%x: tensor<?x4xf32, #n_>, %g: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<?x4xf32, #n_>, tensor<?x4xf32, #n_>) {
  %a = graph.layer_norm %x, %g, %b epsilon 1.0e-5 : tensor<?x4xf32, #n_>, tensor<4xf32>
  %c = graph.rms_norm %x, %g epsilon 1.0e-5 : tensor<?x4xf32, #n_>, tensor<4xf32>
  return %a, %c : tensor<?x4xf32, #n_>, tensor<?x4xf32, #n_>
})"},
    {"activations", R"(func.func @f(%x: tensor<?x4xf32, #n_>) -> (tensor<?x4xf32, #n_>, tensor<4xf32>) {
  %a = graph.relu %x : tensor<?x4xf32, #n_>
  %b = graph.silu %a : tensor<?x4xf32, #n_>
  %s = graph.reduce_sum %b over [0] : tensor<?x4xf32, #n_> -> tensor<4xf32>
  return %b, %s : tensor<?x4xf32, #n_>, tensor<4xf32>
})"},
    {"cross_entropy", R"(func.func @f(%x: tensor<2x?x4xf32, #_n_>, %t: tensor<2x?xi32, #_n>) -> tensor<f32> {
  %a = graph.softmax_cross_entropy %x, %t ignore -1 : tensor<2x?x4xf32, #_n_>, tensor<2x?xi32, #_n> -> tensor<f32>
  return %a : tensor<f32>
})"},
    {"gather", R"(func.func @f(%t: tensor<4x3xf32>, %i: tensor<?xi32, #n>) -> tensor<?x3xf32, #n_> {
  %a = graph.gather %t[%i] : tensor<4x3xf32>, tensor<?xi32, #n> -> tensor<?x3xf32, #n_>
  return %a : tensor<?x3xf32, #n_>
})"},
    // Ids up to 4 in a table of n rows: those behind the length find zeros.
    {"gather_bounded_table", R"(func.func @f(%t: tensor<?x3xf32, #n_>, %i: tensor<6xi32>) -> tensor<6x3xf32> {
  %a = graph.gather %t[%i] : tensor<?x3xf32, #n_>, tensor<6xi32> -> tensor<6x3xf32>
  return %a : tensor<6x3xf32>
})"},
    {"scatter_add", R"(func.func @f(%u: tensor<?x3xf32, #n_>, %i: tensor<?xi32, #n>) -> tensor<4x3xf32> {
  %a = graph.scatter_add %u at %i : tensor<?x3xf32, #n_>, tensor<?xi32, #n> -> tensor<4x3xf32>
  return %a : tensor<4x3xf32>
})"},
    {"scatter_add_bounded_table",
     R"(func.func @f(%u: tensor<6x3xf32>, %i: tensor<6xi32>, %s: tensor<?xf32, #n>) -> tensor<?x3xf32, #n_> {
  %a = graph.scatter_add %u at %i : tensor<6x3xf32>, tensor<6xi32> -> tensor<?x3xf32, #n_>
  %b = graph.broadcast %s along [0] : tensor<?xf32, #n> -> tensor<?x3xf32, #n_>
  %c = graph.mul %a, %b : tensor<?x3xf32, #n_>
  return %c : tensor<?x3xf32, #n_>
})"},
    {"scan",
     R"(func.func @f(%xs: tensor<2x?x3xf32, #_n_>, %w: tensor<3x3xf32>, %h0: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x?x3xf32, #_n_>) {
  %h, %hs = graph.scan n max 5 carry(%c = %h0) over(%x = %xs axis 1) out(axis 1)
      : (tensor<2x3xf32>, tensor<2x?x3xf32, #_n_>) -> (tensor<2x3xf32>, tensor<2x?x3xf32, #_n_>) {
    %p = graph.contract %c, %w over [1] with [0] : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
    %s = graph.add %p, %x : tensor<2x3xf32>
    %n = graph.tanh %s : tensor<2x3xf32>
    graph.yield carry(%n : tensor<2x3xf32>) out(%n : tensor<2x3xf32>)
  }
  return %h, %hs : tensor<2x3xf32>, tensor<2x?x3xf32, #_n_>
})"},
    {"scan_reverse",
     R"(func.func @f(%xs: tensor<?x3xf32, #n_>, %w: tensor<3xf32>, %h0: tensor<3xf32>) -> (tensor<3xf32>, tensor<?x3xf32, #n_>) {
  %h, %hs = graph.scan reverse n max 5 carry(%c = %h0) over(%x = %xs axis 0) out(axis 0)
      : (tensor<3xf32>, tensor<?x3xf32, #n_>) -> (tensor<3xf32>, tensor<?x3xf32, #n_>) {
    %p = graph.mul %c, %w : tensor<3xf32>
    %s = graph.sub %x, %p : tensor<3xf32>
    %e = graph.exp %s : tensor<3xf32>
    graph.yield carry(%e : tensor<3xf32>) out(%s : tensor<3xf32>)
  }
  return %h, %hs : tensor<3xf32>, tensor<?x3xf32, #n_>
})"},
    {"scan_of_sums",
     R"(func.func @f(%xs: tensor<?x3xf32, #n_>, %ys: tensor<?x2xf32, #n_>, %a0: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %r = graph.scan n max 5 carry(%a = %a0) over(%x = %xs axis 0, %y = %ys axis 0)
      : (tensor<3x2xf32>, tensor<?x3xf32, #n_>, tensor<?x2xf32, #n_>) -> (tensor<3x2xf32>) {
    %p = graph.contract %x, %y over [] with [] : tensor<3xf32>, tensor<2xf32> -> tensor<3x2xf32>
    %s = graph.add %a, %p : tensor<3x2xf32>
    graph.yield carry(%s : tensor<3x2xf32>)
  }
  return %r : tensor<3x2xf32>
})"},
    // A carry that would leave the numbers if it went on behind the length: 1 / (5 - steps).
    {"scan_singular", R"(func.func @f(%xs: tensor<?xf32, #n>, %h0: tensor<f32>) -> tensor<f32> {
  %five = graph.constant dense<5.0> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %k, %h = graph.scan n max 5 carry(%i = %five, %c = %h0) over(%x = %xs axis 0)
      : (tensor<f32>, tensor<f32>, tensor<?xf32, #n>) -> (tensor<f32>, tensor<f32>) {
    %q = graph.div %x, %i : tensor<f32>
    %s = graph.mul %c, %q : tensor<f32>
    %j = graph.sub %i, %one : tensor<f32>
    graph.yield carry(%j, %s : tensor<f32>, tensor<f32>)
  }
  return %h : tensor<f32>
})"},
    {"scan_within_bounded", R"(func.func @f(%xs: tensor<4x?xf32, #_n>, %w: tensor<f32>) -> tensor<f32> {
  %h0 = graph.reduce_sum %xs over [0] : tensor<4x?xf32, #_n> -> tensor<?xf32, #n>
  %r = graph.scan 4 carry(%a = %h0) over(%x = %xs axis 0) : (tensor<?xf32, #n>, tensor<4x?xf32, #_n>) -> (tensor<?xf32, #n>) {
    %s = graph.reduce_sum %a over [0] : tensor<?xf32, #n> -> tensor<f32>
    %t = graph.mul %s, %w : tensor<f32>
    %b = graph.broadcast %t along [] : tensor<f32> -> tensor<?xf32, #n>
    %c = graph.add %b, %x : tensor<?xf32, #n>
    %d = graph.tanh %c : tensor<?xf32, #n>
    graph.yield carry(%d : tensor<?xf32, #n>)
  }
  %y = graph.reduce_sum %r over [0] : tensor<?xf32, #n> -> tensor<f32>
  return %y : tensor<f32>
})"},
    {"shapes", R"(func.func @f(%x: tensor<?x4xf32, #n_>) -> (tensor<?x2xf32, #n_>, tensor<2x?x2xf32, #_n_>) {
  %t = graph.transpose %x by [1, 0] : tensor<?x4xf32, #n_> -> tensor<4x?xf32, #_n>
  %r = graph.reshape %t : tensor<4x?xf32, #_n> -> tensor<2x2x?xf32, #__n>
  %u = graph.transpose %r by [0, 2, 1] : tensor<2x2x?xf32, #__n> -> tensor<2x?x2xf32, #_n_>
  %s = graph.slice %x from [0, 1] to [5, 4] by [1, 2] : tensor<?x4xf32, #n_> -> tensor<?x2xf32, #n_>
  %p = graph.pad %s low [0, 1] high [0, 0] interior [0, 0] : tensor<?x2xf32, #n_> -> tensor<?x3xf32, #n_>
  %c = graph.concat %p, %x along 1 : (tensor<?x3xf32, #n_>, tensor<?x4xf32, #n_>) -> tensor<?x7xf32, #n_>
  %d = graph.slice %c from [0, 2] to [5, 4] by [1, 1] : tensor<?x7xf32, #n_> -> tensor<?x2xf32, #n_>
  return %d, %u : tensor<?x2xf32, #n_>, tensor<2x?x2xf32, #_n_>
})"},
    {"dynamic_slice",
     R"(func.func @f(%x: tensor<?x4xf32, #n_>, %u: tensor<?x2xf32, #n_>, %i: tensor<i32>) -> (tensor<?x2xf32, #n_>, tensor<?x4xf32, #n_>) {
  %z = graph.constant dense<0> : tensor<i32>
  %a = graph.dynamic_slice %x at(%z, %i) sizes [5, 2] : (tensor<?x4xf32, #n_>, tensor<i32>, tensor<i32>) -> tensor<?x2xf32, #n_>
  %b = graph.dynamic_update_slice %x with %u at(%z, %i) : (tensor<?x4xf32, #n_>, tensor<?x2xf32, #n_>, tensor<i32>, tensor<i32>) -> tensor<?x4xf32, #n_>
  return %a, %b : tensor<?x2xf32, #n_>, tensor<?x4xf32, #n_>
})"},
    {"select_and_index", R"(func.func @f(%x: tensor<?xf32, #n>, %k: tensor<i32>) -> (tensor<f32>, tensor<?xf32, #n>) {
  %i = graph.iota along 0 : tensor<?xi32, #n>
  %b = graph.broadcast %k along [] : tensor<i32> -> tensor<?xi32, #n>
  %c = graph.compare lt %i, %b : tensor<?xi32, #n> -> tensor<?xi1, #n>
  %f = graph.convert %i : tensor<?xi32, #n> -> tensor<?xf32, #n>
  %y = graph.select %c, %x, %f : tensor<?xi1, #n>, tensor<?xf32, #n>
  %s = graph.reduce_sum %y over [0] : tensor<?xf32, #n> -> tensor<f32>
  return %s, %y : tensor<f32>, tensor<?xf32, #n>
})"},
    {"random",
     R"(func.func @f(%x: tensor<3x?xf32, #_n>, %key: tensor<i64>, %step: tensor<i32>) -> (tensor<3x?xf32, #_n>, tensor<3xf32>) {
  %r = graph.random uniform key %key counter %step stream 3 : tensor<i64>, tensor<i32> -> tensor<3x?xf32, #_n>
  %y = graph.add %x, %r : tensor<3x?xf32, #_n>
  %s = graph.reduce_sum %y over [1] : tensor<3x?xf32, #_n> -> tensor<3xf32>
  return %y, %s : tensor<3x?xf32, #_n>, tensor<3xf32>
})"},
    {"second_derivative",
     R"(func.func @f(%x: tensor<?x3xf32, #n_>, %w: tensor<3xf32>) -> (tensor<3xf32>, tensor<?x3xf32, #n_>) {
  %c = graph.broadcast %w along [1] : tensor<3xf32> -> tensor<?x3xf32, #n_>
  %1 = graph.mul %x, %c : tensor<?x3xf32, #n_>
  %2 = graph.tanh %1 : tensor<?x3xf32, #n_>
  %p = graph.softmax %2 along 0 : tensor<?x3xf32, #n_>
  %3 = graph.mul %p, %2 : tensor<?x3xf32, #n_>
  %l = graph.reduce_sum %3 over [0, 1] : tensor<?x3xf32, #n_> -> tensor<f32>
  %d = graph.gradient %l wrt(%w) : tensor<f32>, (tensor<3xf32>)
  %4 = graph.mul %d, %d : tensor<3xf32>
  %m = graph.reduce_sum %4 over [0] : tensor<3xf32> -> tensor<f32>
  %e:2 = graph.gradient %m wrt(%w, %x) : tensor<f32>, (tensor<3xf32>, tensor<?x3xf32, #n_>)
  return %e#0, %e#1 : tensor<3xf32>, tensor<?x3xf32, #n_>
})"},
};

class Bounded : public testing::TestWithParam<Case> {
protected:
  Bounded() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.disableMultithreading();
  }

  func::FuncOp parse(const std::string &text) {
    module = parseSourceString<ModuleOp>(kAliases + text, &context);
    return module ? *module->getOps<func::FuncOp>().begin() : func::FuncOp();
  }

  /// Appends the gradients of the sum of all results and their squares to the results.
  static void takeGradients(func::FuncOp function) {
    Operation *end = function.front().getTerminator();
    OpBuilder builder(end);
    Location loc = function.getLoc();
    Value loss;
    for (Value result : end->getOperands()) {
      if (!isa<FloatType>(getElementTypeOrSelf(result)))
        continue;
      Value square = graph::MulOp::create(builder, loc, result, result);
      Value both = graph::AddOp::create(builder, loc, square, result);
      auto axes = llvm::to_vector(llvm::seq<int64_t>(0, cast<RankedTensorType>(result.getType()).getRank()));
      Value sum = axes.empty() ? both : Value(graph::ReduceSumOp::create(builder, loc, both, axes));
      loss = loss ? Value(graph::AddOp::create(builder, loc, loss, sum)) : sum;
    }
    SmallVector<Value> targets;
    for (Value argument : function.getArguments())
      if (isa<FloatType>(getElementTypeOrSelf(argument)))
        targets.push_back(argument);
    auto gradient = graph::GradientOp::create(builder, loc, TypeRange(ValueRange(targets)), loss, targets);
    SmallVector<Value> results(end->getOperands());
    llvm::append_range(results, gradient.getResults());
    end->setOperands(results);
    function.setFunctionType(
        FunctionType::get(function.getContext(), function.getArgumentTypes(), TypeRange(ValueRange(results))));
  }

  /// Numbers at lengths `sizes`; ids and targets in -1 … 4.
  static SmallVector<Tensor> draw(func::FuncOp function, const graph::DimNames &sizes, double poison = 0) {
    SmallVector<Tensor> arguments;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      auto tensorType = cast<RankedTensorType>(type);
      SmallVector<int64_t> shape;
      for (const graph::Extent &extent : graph::getExtents(tensorType))
        shape.push_back(extent.isBounded() ? sizes.lookup(extent.name) : extent.size);
      Tensor tensor(RankedTensorType::get(shape, tensorType.getElementType()));
      for (int64_t i = 0; i != tensor.size(); ++i) {
        double number = philoxUniform(11, index + 1, 0, i);
        if (tensorType.getElementType().isInteger(1))
          tensor.set(i, number < 0.5);
        else
          tensor.set(i, !tensor.isFloat() ? std::floor(6 * number) - 1 : poison != 0 ? NAN : 2 * number - 1);
      }
      reference::roundToType(tensor);
      arguments.push_back(std::move(tensor));
    }
    return arguments;
  }

  static std::vector<HostTensor> toHost(ArrayRef<Tensor> tensors) {
    std::vector<HostTensor> host;
    for (const Tensor &tensor : tensors)
      host.push_back(reference::toHost(tensor));
    return host;
  }

  static Outputs call(Executable &executable, const std::vector<HostTensor> &arguments) {
    std::vector<const HostTensor *> pointers;
    for (const HostTensor &argument : arguments)
      pointers.push_back(&argument);
    return executable.run("f", pointers);
  }

  /// What the results of a call are not, or an empty string. Counts the entries that were compared.
  static std::string compare(ArrayRef<Tensor> expected, const Outputs &outputs, int64_t &compared) {
    for (auto [index, tensor] : llvm::enumerate(expected)) {
      const HostTensor *got = outputs.find(index);
      if (got->shape() != Shape(tensor.shape().begin(), tensor.shape().end()))
        return llvm::formatv("result {0} has another shape: {1}", index, got->toString());
      for (int64_t i = 0; i != tensor.size(); ++i) {
        double a = tensor.at(i), b = got->at(i), tolerance = reference::kSecondOrder * tensor.bound(i);
        compared += std::isfinite(tolerance);
        if (a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance)
          continue;
        if (!std::isfinite(tolerance) && !std::isnan(b))
          continue;
        return llvm::formatv("result {0}{1}: expected {2}, got {3} (tolerance {4})", index,
                             reference::indexToString(tensor.shape(), i), a, b, tolerance);
      }
    }
    return {};
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

/// The lengths to try: none, one, odd, one less than all, all.
constexpr int64_t kLengths[] = {0, 1, 3, 4, 5, 7};

TEST_P(Bounded, KeepsPaddingOut) {
  func::FuncOp function = parse(GetParam().text);
  ASSERT_TRUE(function);
  if (GetParam().differentiable)
    takeGradients(function);
  ASSERT_TRUE(succeeded(verify(*module)));
  // One program for all lengths.
  llvm::Expected<Executable> executable = compileModule(*module, {});
  ASSERT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
  FailureOr<graph::DimNames> maxima = graph::collectDimNames(function);
  ASSERT_TRUE(succeeded(maxima));
  std::vector<HostTensor> poison = toHost(draw(function, *maxima, NAN));
  int64_t compared = 0;
  for (int64_t length : kLengths) {
    graph::DimNames sizes;
    bool fits = true;
    for (auto [name, maximum] : *maxima) {
      sizes[name] = name == "m" ? std::min<int64_t>(7 - length, maximum) : std::min(length, maximum);
      fits &= sizes[name] >= graph::getMinimumLength(function, name);
    }
    if (!fits)
      continue;
    SmallVector<Tensor> arguments = draw(function, sizes);
    reference::EvaluateOptions options;
    options.bounds = reference::Bounds::Declared;
    auto expected = reference::evaluate(function, arguments, options);
    ASSERT_TRUE(succeeded(expected)) << "length " << length;
    // Leaves NaN wherever the next call does not write.
    ASSERT_TRUE(bool(call(*executable, poison)));
    std::vector<HostTensor> values = toHost(arguments);
    Outputs outputs = call(*executable, values);
    ASSERT_TRUE(bool(outputs)) << outputs.message();
    EXPECT_EQ(compare(*expected, outputs, compared), "") << "length " << length;
  }
  EXPECT_GT(compared, 10) << "nothing was compared";
}

INSTANTIATE_TEST_SUITE_P(Programs, Bounded, testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
