// Signatures: read from modules of both stages, and what is wrong with them said.
#include "CompilerTestUtils.h"

using namespace moru;

namespace {

using SignatureTest = CompilerTest;

TEST_F(SignatureTest, ReadsTensors) {
  auto module = parse(R"(
    func.func @train_step(%x: tensor<4x3xi32> {graph.name = "ids", graph.role = "input"},
                          %w: tensor<3x2xf32> {graph.name = "W", graph.role = "parameter"}, %h: tensor<2xf32> {graph.role = "state"})
        -> (tensor<3x2xf32> {graph.name = "W", graph.donated = 1 : i64}, tensor<2xf32> {graph.name = "loss"}) {
      return %w, %h : tensor<3x2xf32>, tensor<2xf32>
    }
    func.func private @helper())");
  auto signature = readSignature(*module);
  ASSERT_TRUE(mlir::succeeded(signature)) << diagnostics;
  ASSERT_EQ(signature->functions.size(), 1u);
  EXPECT_EQ(
      signature->toJson(),
      R"({"functions":[{"name":"train_step","arena_bytes":0,"arguments":[)"
      R"({"name":"ids","dtype":"i32","shape":[4,3],"role":"input"},{"name":"W","dtype":"f32","shape":[3,2],"role":"parameter"},)"
      R"({"name":"arg2","dtype":"f32","shape":[2],"role":"state"}],"results":[)"
      R"({"name":"W","dtype":"f32","shape":[3,2],"donated":1},{"name":"loss","dtype":"f32","shape":[2]}]}]})");
  EXPECT_EQ(signature->functions[0].pointerCount(), 4);
}

TEST_F(SignatureTest, ReadsBuffers) {
  auto module = parse(R"(
    func.func @f(%x: !kernel.buffer<4xf32> {graph.name = "x", graph.role = "input"},
                 %s: !kernel.buffer<2xf32> {graph.name = "s", graph.role = "state", kernel.updated = "s2"},
                 %y: !kernel.buffer<f32> {graph.name = "x", graph.role = "output"}) attributes {kernel.arena = 640 : i64} {
      return
    })");
  auto signature = readSignature(*module);
  ASSERT_TRUE(mlir::succeeded(signature)) << diagnostics;
  const FunctionSignature &function = signature->functions[0];
  EXPECT_EQ(function.arenaBytes, 640);
  EXPECT_EQ(function.arguments.size(), 2u);
  ASSERT_EQ(function.results.size(), 2u);
  EXPECT_EQ(function.results[0].name, "s2");
  EXPECT_EQ(function.results[0].donated, 1);
  EXPECT_EQ(function.results[1].name, "x");
  EXPECT_EQ(function.pointerCount(), 3);
}

TEST_F(SignatureTest, RejectsWhatCannotBeCalled) {
  const std::pair<const char *, const char *> cases[] = {
      {"func.func @f(%x: tensor<?xf32>) { return }", "tensor of static shape"},
      {"func.func @f(%x: tensor<2xi7>) { return }", "one of the types"},
      {"func.func @f(%x: i32) { return }", "got 'i32'"},
      {R"(func.func @f(%x: tensor<2xf32> {graph.name = "a"}, %y: tensor<2xf32> {graph.name = "a"}) { return })",
       "got 'a' twice"},
      {R"(func.func @f(%x: tensor<2xf32> {graph.role = "weight"}) { return })", "expected graph.role"},
      {"func.func @f(%x: tensor<2xf32>, %y: tensor<3xf32>) -> (tensor<2xf32> {graph.donated = 1 : i64}) { return %x : "
       "tensor<2xf32> }",
       "expected 'result0' to have the type of the argument that it replaces, [3] f32, got [2] f32"},
      {"func.func @f(%x: tensor<2xf32>) -> (tensor<2xf32> {graph.donated = 7 : i64}) { return %x : tensor<2xf32> }",
       "got 7"},
      {R"(func.func @f(%x: tensor<2xf32> {graph.name = "W", graph.role = "parameter"}) { return }
          func.func @g(%x: tensor<3xf32> {graph.name = "W", graph.role = "parameter"}) { return })",
       "g: expected 'W' as in f, parameter [2] f32; got parameter [3] f32"}};
  for (auto [text, part] : cases) {
    diagnostics.clear();
    EXPECT_TRUE(mlir::failed(readSignature(*parse(text)))) << text;
    EXPECT_NE(diagnostics.find(part), std::string::npos) << diagnostics;
  }
}

} // namespace
