// Programs: arguments, results, shapes, names, text; and configurations and parameters.

#include "moru/DSL/Moru.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstdlib>

using namespace moru;

namespace {

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

/// Traces one function without mistakes and returns the text of the program.
std::string trace(const std::function<void(Function &)> &body) {
  Program program;
  EXPECT_TRUE(program.function("f", body)) << program.errorText();
  return program.print();
}

TEST(ProgramTest, ArgumentsComeAsParametersStateInputs) {
  nn::Module model;
  Tensor a = model.parameter("a", {2}, init::zeros()), b = model.parameter("b", {2}, init::zeros());
  std::string text = trace([&](Function &f) {
    Tensor x = f.input("x", f32({2}));
    Tensor s = f.state("s", f32({2}));
    Tensor y = x * b + s;
    f.output("y", y + a);
    f.update(s, y);
    f.update(a, y);
  });
  EXPECT_TRUE(
      contains(text, "@f(%a: tensor<2xf32> {graph.name = \"a\", graph.role = \"parameter\"}, %b: tensor<2xf32>"))
      << text;
  EXPECT_TRUE(contains(text, "%s: tensor<2xf32> {graph.name = \"s\", graph.role = \"state\"}, %x: tensor<2xf32> "
                             "{graph.name = \"x\", graph.role = \"input\"})"))
      << text;
  EXPECT_TRUE(contains(text, "(tensor<2xf32> {graph.donated = 0 : i64, graph.name = \"a\"}, tensor<2xf32> "
                             "{graph.donated = 2 : i64, graph.name = \"s\"}, tensor<2xf32> {graph.name = \"y\"})"))
      << text;
}

TEST(ProgramTest, UnusedParametersAndDeadCodeAreLeftOut) {
  nn::Module model;
  Tensor unused = model.parameter("unused", {2}, init::zeros());
  std::string text = trace([&](Function &f) {
    Tensor x = f.input("x", f32({2}));
    exp(unused);
    f.output("y", x);
  });
  EXPECT_FALSE(contains(text, "unused"));
  EXPECT_FALSE(contains(text, "graph.exp"));
}

TEST(ProgramTest, ShapesAndDimensionNamesFollowNumPy) {
  trace([](Function &f) {
    Tensor x = f.input("x", f32({dim("batch", 4), 1, 3})), y = f.input("y", f32({dim("heads", 5), 3}));
    Tensor z = x + y;
    EXPECT_EQ(z.shape(), (Shape{4, 5, 3}));
    EXPECT_EQ(z.dims()[0].name, "batch");
    EXPECT_EQ(z.dims()[1].name, "heads");
    EXPECT_EQ((x + 1).shape(), x.shape());
    EXPECT_EQ(matmul(z, f.input("w", f32({3, 7}))).shape(), (Shape{4, 5, 7}));
    EXPECT_EQ(matmul(z, f.input("batched", f32({4, 3, 7}))).shape(), (Shape{4, 5, 7}));
    EXPECT_EQ(matmul(z, f.input("shared", f32({1, 3, 7}))).shape(), (Shape{4, 5, 7}));
    EXPECT_EQ(matmul(z, f.input("v", f32({3}))).shape(), (Shape{4, 5}));
    EXPECT_EQ(matmul(f.input("r", f32({3})), f.input("m", f32({2, 3, 6}))).shape(), (Shape{2, 6}));
    EXPECT_EQ(einsum("bhd,bkd->bhk", z, f.input("k", f32({4, 6, 3}))).shape(), (Shape{4, 5, 6}));
    EXPECT_EQ(einsum("bhd,hd->db", z, y).shape(), (Shape{3, 4}));
    EXPECT_EQ(sum(z, {0, -1}).shape(), (Shape{5}));
    EXPECT_EQ(mean(z, 1, /*keepDims=*/true).shape(), (Shape{4, 1, 3}));
    EXPECT_EQ(max(z).shape(), Shape());
    EXPECT_EQ(argmax(z).type(), ElementType::I32);
    EXPECT_EQ(reshape(z, {-1, 3}).shape(), (Shape{20, 3}));
    EXPECT_EQ(transpose(z).shape(), (Shape{3, 5, 4}));
    EXPECT_EQ(transpose(z, {1, 0, 2}).shape(), (Shape{5, 4, 3}));
    EXPECT_EQ(slice(z, 1, 1, -1, 2).shape(), (Shape{4, 2, 3}));
    EXPECT_EQ(select(z, -1, -1).shape(), (Shape{4, 5}));
    EXPECT_EQ(expandDims(z, -1).shape(), (Shape{4, 5, 3, 1}));
    EXPECT_EQ(concat({z, z}, 1).shape(), (Shape{4, 10, 3}));
    EXPECT_EQ(pad(y, {1, 0}, {2, 0}).shape(), (Shape{8, 3}));
    EXPECT_EQ(iota(i32({2, 3}), 1).shape(), (Shape{2, 3}));
    EXPECT_EQ(where(z > 0, z, 0.0).shape(), z.shape());
    EXPECT_EQ(where(z > 0, 1, 0.5).shape(), z.shape());
    EXPECT_EQ((z > y).type(), ElementType::I1);
    EXPECT_EQ(gather(y, f.input("ids", i32({2, 2}))).shape(), (Shape{2, 2, 3}));
    auto parts = split<5>(z, 1);
    EXPECT_EQ(parts[4].shape(), (Shape{4, 1, 3}));
    f.output("z", z);
  });
}

TEST(ProgramTest, AScanIsALoopInEitherDirection) {
  std::string text = trace([](Function &f) {
    Tensor xs = f.input("xs", f32({2, dim("time", 9), 3}));
    auto [last, all] = scan(Carry{zeros({2, 3})}, xs, -2,
                            [&](Carry s, Tensor x) {
                              Tensor next = s[0] + x;
                              return Step{.carry = {next}, .output = next};
                            },
                            {.reverse = true});
    EXPECT_EQ(all.shape(), (Shape{2, 9, 3}));
    EXPECT_EQ(all.dims()[1].name, "time");
    auto [sum, outputs] = scan(Carry{last[0]}, {xs, all}, 1, [&](Carry s, std::vector<Tensor> x) {
      return MultiStep{.carry = {s[0] + x[0]}, .outputs = {x[1], x[0] * x[1]}};
    });
    EXPECT_EQ(outputs.size(), 2u);
    auto [count, none] = scan(Carry{zeros({})}, std::vector<Tensor>(), 0,
                              [&](Carry s, std::vector<Tensor>) { return Step{.carry = {s[0] + 1}}; }, {.length = 4});
    EXPECT_FALSE(bool(none));
    f.output("y", sum[0] + outputs[1].size(1) + count[0]);
  });
  EXPECT_TRUE(contains(text, "graph.scan reverse 9 carry("));
  EXPECT_TRUE(contains(text, "graph.scan 4 carry("));
}

TEST(ProgramTest, BranchesLoopsAndCheckpointsAreRegions) {
  std::string text = trace([](Function &f) {
    Tensor x = f.input("x", f32({dim("width", 3)})), n = f.input("n", i32({}));
    Tensor y = cond(sum(x) > 1.f, [&] { return x / sum(x); }, [&] { return x; });
    EXPECT_EQ(y.dims()[0].name, "width");
    auto parts = cond(n > 0, [&] { return std::vector<Tensor>{x, y}; }, [&] { return std::vector<Tensor>{y, x}; });
    EXPECT_EQ(parts.size(), 2u);
    Carry last =
        whileLoop(Carry{n, y}, [](Carry s) { return s[0] < 10; }, [&](Carry s) { return Carry{s[0] + 1, s[1] * x}; });
    EXPECT_EQ(last.size(), 2u);
    EXPECT_EQ(last[1].shape(), (Shape{3}));
    f.output("y", checkpoint([&] { return exp(last[1] + parts[0]); }));
  });
  EXPECT_TRUE(contains(text, "graph.cond ")) << text;
  EXPECT_TRUE(contains(text, "-> (tensor<3xf32>, tensor<3xf32>) {")) << text;
  EXPECT_TRUE(contains(text, "graph.while carry(")) << text;
  EXPECT_TRUE(contains(text, "graph.checkpoint -> (tensor<3xf32>) {")) << text;
}

TEST(ProgramTest, LocationsAreTheAuthorsLines) {
  Program program;
  unsigned line = 0;
  program.function("f", [&](Function &f) {
    Tensor x = f.input("x", f32({2}));
    line = Here::current().line() + 1;
    f.output("y", tanh(x) * x);
  });
  std::string text = program.print({.locations = true});
  EXPECT_TRUE(contains(text, "test/DSL/ProgramTest.cpp:" + std::to_string(line) + ":")) << text;
}

TEST(ProgramTest, TextIsLoadedWithoutTheCppThatMadeIt) {
  nn::Module model;
  Tensor w = model.parameter("w", {2, 3}, init::zeros());
  Program step = trainStep(model, optim::Sgd{.learningRate = 0.5}, [&](Tensor x) { return mean(square(matmul(x, w))); },
                           {f32({4, 2}).named("x")});
  ASSERT_TRUE(step.ok()) << step.errorText();
  std::string path = testing::TempDir() + "/moru-program-test.mlir";
  Result<void> saved = step.save(path);
  ASSERT_TRUE(saved) << saved.message();
  Result<Program> loaded = Program::load(path);
  ASSERT_TRUE(loaded) << loaded.message();
  EXPECT_EQ(loaded->functions(), std::vector<std::string>{"train_step"});
  EXPECT_EQ(loaded->print({.locations = true}), step.print({.locations = true}));
  std::remove(path.c_str());
  EXPECT_TRUE(contains(Program::parse("func.func @f(", "broken.mlir").message(), "broken.mlir:1:"));
}

TEST(ProgramTest, AProgramWithMistakesIsNotSaved) {
  Program program;
  program.function("f", [](Function &f) { f.output("y", f.input(f32({2})) + f.input(f32({3}))); });
  EXPECT_TRUE(contains(program.save("/nowhere/x.mlir").message(), "shapes do not broadcast"));
}

TEST(ModuleTest, ParametersAreListedInOrderWithTheirPaths) {
  struct Block : nn::Module {
    nn::Linear a;
    nn::Embedding e;
    explicit Block(nn::Module &parent) : Module(parent, "block"), a(*this, "a", 2, 3), e(*this, "e", 5, 2) {}
  };
  nn::Module root;
  Block block(root);
  Tensor tied = block.e.weight;
  root.freeze("block.a");
  std::vector<std::string> names;
  for (const Tensor &parameter : root.parameters())
    names.push_back(parameter.name());
  EXPECT_EQ(names, (std::vector<std::string>{"block.a.weight", "block.a.bias", "block.e"}));
  EXPECT_EQ(root.trainableParameters().size(), 1u);
  std::string text = trainStep(root, optim::Sgd{},
                               [&](Tensor x) { return sum(matmul(block.a(x), ones({3, 2})) * tied); }, {f32({5, 2})})
                         .print();
  EXPECT_TRUE(contains(text, "graph.donated = 2 : i64, graph.name = \"block.e\"")) << text;
  EXPECT_FALSE(contains(text, "graph.donated = 0")) << text;
}

TEST(ModuleTest, FirstValuesDependOnSeedAndPlaceAlone) {
  HostTensor a = init::draw(init::uniform(0.5), ElementType::F32, {1000}, 1, 0);
  HostTensor b = init::draw(init::uniform(0.5), ElementType::F32, {1000}, 1, 1);
  HostTensor again = init::draw(init::uniform(0.5), ElementType::F32, {10, 100}, 1, 0);
  EXPECT_EQ(std::memcmp(a.bytes(), again.bytes(), a.sizeInBytes()), 0);
  EXPECT_NE(std::memcmp(a.bytes(), b.bytes(), a.sizeInBytes()), 0);
  double sum = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    EXPECT_LE(std::abs(a.data<float>()[i]), 0.5f);
    sum += a.data<float>()[i];
  }
  EXPECT_LT(std::abs(sum / 1000), 0.03); // The mean of 1000 draws has deviation 0.29 / sqrt(1000) = 0.009.

  HostTensor n = init::draw(init::normal(2, 1), ElementType::F32, {20000}, 7, 3);
  double mean = 0, square = 0;
  for (int64_t i = 0; i < 20000; ++i)
    mean += n.data<float>()[i] / 20000, square += std::pow(n.data<float>()[i], 2) / 20000;
  EXPECT_NEAR(mean, 1, 0.06);
  EXPECT_NEAR(std::sqrt(square - mean * mean), 2, 0.05);
}

TEST(ModuleTest, SavesAndLoadsAndListsEverythingThatDoesNotFit) {
  nn::Module model;
  model.parameter("a", {2, 2}, init::ones());
  model.parameter("b", {3}, init::normal(1));
  std::string path = testing::TempDir() + "/moru-module-test.safetensors";
  Result<void> saved = model.save(path, model.initialValues(1));
  ASSERT_TRUE(saved) << saved.message();
  auto values = model.load(path);
  ASSERT_TRUE(values) << values.message();
  ASSERT_EQ(values->size(), 2u);
  EXPECT_EQ((*values)[0].name, "a");
  EXPECT_EQ((*values)[0].tensor.data<float>()[3], 1.0f);

  nn::Module other;
  other.parameter("a", {4}, init::ones());
  other.parameter("c", {3}, init::zeros());
  std::string message = other.load(path).message();
  EXPECT_TRUE(contains(message, "parameter \"a\": expected [4] f32, got [2, 2] f32")) << message;
  EXPECT_TRUE(contains(message, "parameter \"c\": expected [3] f32, but it is missing")) << message;
  EXPECT_TRUE(contains(message, "tensor \"b\": the model has no parameter of this name")) << message;
  std::remove(path.c_str());
}

TEST(ConfigTest, KeysAreKnownByBeingAskedFor) {
  auto config = Config::parse(R"({"V": 50, "rate": 1, "carried": true, "norm": "pre", "width": 3})");
  ASSERT_TRUE(config) << config.message();
  EXPECT_EQ(config->integer("V", 10), 50);
  EXPECT_EQ(config->number("rate", 0.5), 1.0);
  EXPECT_TRUE(config->flag("carried", false));
  EXPECT_EQ(config->choice("norm", {"post", "pre", "none"}), "pre");
  EXPECT_EQ(config->integer("H", 7), 7);
  EXPECT_EQ(config->finish("m").message(), "m: unknown keys: width; known keys: V carried norm rate H");
  EXPECT_EQ(config->drop({"width", "gain"}), std::vector<std::string>{"width"});
  EXPECT_TRUE(config->finish("m"));
  EXPECT_EQ(config->toJson(), R"({"H":7,"V":50,"carried":true,"norm":"pre","rate":1})");
}

TEST(ConfigTest, WrongValuesAreAllListed) {
  Config config;
  for (const char *text : {"V=-3", "carried=7", "norm=middle", "rate=x"})
    ASSERT_TRUE(config.set(text));
  EXPECT_FALSE(config.set("nothing"));
  config.integer("V", 10);
  config.flag("carried", false);
  config.choice("norm", {"post", "pre"});
  config.number("rate", 1);
  EXPECT_EQ(config.finish("m").message(), "m: key \"V\": expected an integer from 1 to 2147483647, got -3\n"
                                          "m: key \"carried\": expected true or false, got 7\n"
                                          "m: key \"norm\": expected one of post pre, got \"middle\"\n"
                                          "m: key \"rate\": expected a number, got \"x\"");
  EXPECT_TRUE(contains(Config::parse("[1]", "config.json").message(), "config.json: expected a JSON object"));
  EXPECT_TRUE(contains(Config::parse("{\"a\": [1]}").message(), "key \"a\": expected a number, a string"));
}

} // namespace
