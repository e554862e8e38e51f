// What the tests of Train and Decode share: a folder, and a model that is one table.

#ifndef MORU_TEST_TRAIN_TRAINTESTUTILS_H
#define MORU_TEST_TRAIN_TRAINTESTUTILS_H

#include "moru/DSL/Moru.h"
#include "moru/Support/Files.h"
#include "moru/Train/LoadedModel.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

#include <string>

namespace moru::test {

/// bigram: the logits of the next id are a row of `W` [V, V]. Its state counts the ids it has read: [B].
class Bigram : public LanguageModel {
public:
  explicit Bigram(int64_t size) : size(size), table(*this, "W", size, size, init::uniform(0.1)) {}
  State start(int64_t batch) const override {
    State state;
    state["count"] = zeros({dim("batch", batch)});
    return state;
  }
  Tensor logits(const Tensor &ids, State &state) const override {
    state["count"] = state["count"] + double(ids.size(1));
    return table(ids);
  }
  int64_t vocabulary() const override { return size; }
  bool carriesState() const override { return true; }

private:
  int64_t size;
  nn::Embedding table;
};

/// A fixture that knows `bigram` and has a folder that is gone afterwards.
class TrainTest : public testing::Test {
protected:
  void SetUp() override {
    registerModel("bigram", [](Config &config) { return std::make_unique<Bigram>(config.integer("V", 100)); });
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("moru-train", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string at(llvm::StringRef name) const { return (folder + "/" + name).str(); }
  std::string put(llvm::StringRef name, llvm::StringRef contents) const {
    llvm::cantFail(writeFile(at(name), contents));
    return at(name);
  }
  /// The model with the given functions, all parameters zero.
  static LoadedModel makeBigram(int64_t size, std::vector<std::string> functions, int64_t decodeBatch = 1) {
    LanguageModelOptions build;
    build.decodeBatch = decodeBatch;
    build.functions = std::move(functions);
    build.evalBatch = 1;
    build.evalTime = kEvalTime;
    ModelDescription description = llvm::cantFail(ModelDescription::create("bigram", {"V=" + std::to_string(size)}));
    return llvm::cantFail(LoadedModel::create(std::move(description), build, CompileOptions{.threads = 1}));
  }
  llvm::SmallString<128> folder;
};

/// The message of what should have failed; "" if it did not.
template <typename T> std::string messageOf(llvm::Expected<T> result) {
  return result ? std::string() : llvm::toString(result.takeError());
}
inline std::string messageOf(llvm::Error error) { return error ? llvm::toString(std::move(error)) : std::string(); }

} // namespace moru::test

#endif // MORU_TEST_TRAIN_TRAINTESTUTILS_H
