// A whole training step as an artefact: an LSTM language model from the graph language to machine code. What must be
// true of every step: nothing is called but the runtime, nothing allocated after the first call, the same bits with any
// number of threads, and a program that does not grow with the length of the sequence.
#include "moru/Compiler/CompileModule.h"
#include "moru/DSL/Moru.h"
#include "moru/DSL/ProgramModule.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

#include <string>
#include <vector>

using namespace moru;

namespace {

constexpr int64_t kVocabulary = 37, kBatch = 5;

class SmallLstm : public LanguageModel {
public:
  SmallLstm() : embed(*this, "E", kVocabulary, 12), lstm(*this, "l0", 12, 20), proj(*this, "proj", 20, kVocabulary) {}
  State start(int64_t batch) const override {
    State state;
    nn::Lstm::State zero = lstm.start(batch);
    state["h"] = zero.h;
    state["c"] = zero.c;
    return state;
  }
  Tensor logits(const Tensor &ids, State &state) const override {
    auto [hs, last] = lstm(embed(ids), {state["h"], state["c"]});
    state["h"] = last.h;
    state["c"] = last.c;
    return proj(hs);
  }
  int64_t vocabulary() const override { return kVocabulary; }
  bool carriesState() const override { return true; }

private:
  nn::Embedding embed;
  nn::Lstm lstm;
  nn::Linear proj;
};

Program makeStep(const SmallLstm &model, int64_t time) {
  return buildLanguageModel(model, {.batch = kBatch, .time = time, .functions = {"train_step"}});
}

HostTensor makeIds(int64_t time, int64_t factor) {
  HostTensor ids = HostTensor::zeros(ElementType::I32, {kBatch, time});
  for (int64_t i = 0; i < ids.numElements(); ++i)
    ids.set(i, double(i * factor % kVocabulary));
  return ids;
}

/// An executable after some steps from the same initial values.
Executable train(const Target &target, int32_t threads, int steps) {
  SmallLstm model;
  Program program = makeStep(model, 7);
  Executable exe =
      llvm::cantFail(compileModule(moduleOf(program), {.target = target, .threads = threads, .cache = false}));
  EXPECT_TRUE(exe.load(model.initialValues(1), Role::Parameter));
  HostTensor ids = makeIds(7, 5), targets = makeIds(7, 11);
  for (int step = 0; step < steps; ++step) {
    Outputs out = exe.run("train_step", {{"ids", ids}, {"targets", targets}});
    EXPECT_TRUE(out) << out.message();
  }
  return exe;
}

std::string emit(int64_t time, Emit form, const Target &target) {
  SmallLstm model;
  Program program = makeStep(model, time);
  EXPECT_TRUE(program.ok());
  return llvm::cantFail(emitModule(moduleOf(program), form, {.target = target, .cache = false}));
}

TEST(TrainingStepTest, CallsNothingButTheRuntime) {
  for (const char *name : {"x86-64-v3", "x86-64-v4"}) {
    Target target = Target::parse(name).take();
    std::string object = emit(7, Emit::Object, target);
    auto file = llvm::cantFail(llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(object, "step")));
    for (const llvm::object::SymbolRef &symbol : file->symbols()) {
      llvm::StringRef symbolName = llvm::cantFail(symbol.getName());
      if (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined)
        EXPECT_TRUE(symbolName.empty() || symbolName == "_GLOBAL_OFFSET_TABLE_") << symbolName.str();
    }
    llvm::SmallVector<llvm::StringRef> lines;
    std::string assembly = emit(7, Emit::Assembly, target);
    llvm::StringRef(assembly).split(lines, '\n');
    for (llvm::StringRef line : lines) {
      auto [operation, operand] = line.trim().split('\t');
      if (operation.starts_with("call"))
        EXPECT_TRUE(operand.starts_with("*") || operand.contains("_entry")) << line.str();
    }
  }
}

/// Packed weights are made once for calls of one function with the same parameters, and anew after anything else.
TEST(TrainingStepTest, PreparesWhatDependsOnParametersAlone) {
  SmallLstm model;
  Program program =
      buildLanguageModel(model, {.batch = kBatch, .time = 7, .functions = {"train_step", "loss", "logits"}});
  Executable exe = llvm::cantFail(compileModule(moduleOf(program), {.threads = 2, .cache = false}));
  std::vector<NamedTensor> first = model.initialValues(1);
  ASSERT_TRUE(exe.load(first, Role::Parameter));
  HostTensor ids = makeIds(7, 5), targets = makeIds(7, 11);
  int launches = 0;
  exe.setProfile([](void *data, moru_task_fn, int64_t, uint64_t, uint64_t) { ++*static_cast<int *>(data); }, &launches);
  auto loss = [&] {
    launches = 0;
    Outputs out = exe.run("loss", {{"ids", ids}, {"targets", targets}});
    EXPECT_TRUE(out) << out.message();
    return out.scalar("loss");
  };
  double before = loss();
  int all = launches;
  EXPECT_EQ(loss(), before);
  int prepared = launches;
  EXPECT_LT(prepared, all);
  // Another function of the same arena; one that is refused changes nothing.
  ASSERT_TRUE(exe.run("logits", {{"ids", ids}}));
  EXPECT_EQ(loss(), before);
  EXPECT_EQ(launches, all);
  EXPECT_FALSE(exe.run("logits", {{"ids", HostTensor::zeros(ElementType::I32, {1})}}));
  EXPECT_EQ(loss(), before);
  EXPECT_EQ(launches, prepared);
  // Other parameters, by a step and by hand.
  ASSERT_TRUE(exe.run("train_step", {{"ids", ids}, {"targets", targets}}));
  EXPECT_LT(loss(), before);
  EXPECT_EQ(launches, all);
  ASSERT_TRUE(exe.load(first, Role::Parameter));
  EXPECT_EQ(loss(), before);
  EXPECT_EQ(launches, all);
}

TEST(TrainingStepTest, GivesTheSameBitsWithAnyNumberOfThreads) {
  Executable one = train(Target::host(), 1, 20);
  for (int32_t threads : {2, 3}) {
    Executable other = train(Target::host(), threads, 20);
    for (const ArgumentSignature &resident : one.residents())
      EXPECT_TRUE(one.find(resident.name)->sameBits(*other.find(resident.name)))
          << resident.name << ", " << threads << " threads";
  }
}

TEST(TrainingStepTest, Learns) {
  Executable exe = train(Target::host(), 2, 1);
  HostTensor ids = makeIds(7, 5), targets = makeIds(7, 11);
  double first = exe.run("train_step", {{"ids", ids}, {"targets", targets}}).scalar("loss"), last = first;
  for (int step = 0; step < 100; ++step)
    last = exe.run("train_step", {{"ids", ids}, {"targets", targets}}).scalar("loss");
  EXPECT_LT(last, first - 0.05);
}

/// Operations of the differentiated step.
int64_t countOperations(int64_t time) {
  return llvm::StringRef(emit(time, Emit::Simplified, Target::host())).count(" = graph.");
}

// Below the graph a longer sum may take one kernel more: it is cut into blocks.
TEST(TrainingStepTest, DoesNotGrowWithTheSequence) {
  int64_t operations = countOperations(10);
  EXPECT_GT(operations, 10);
  EXPECT_EQ(countOperations(100), operations);
  EXPECT_EQ(countOperations(1000), operations);
}

TEST(TrainingStepTest, ObjectsAreReproducible) {
  EXPECT_EQ(emit(7, Emit::Object, Target::host()), emit(7, Emit::Object, Target::host()));
}

} // namespace
