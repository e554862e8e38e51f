// Writes small inputs that the fuzz targets begin with: FuzzSeeds FOLDER FILE.mlir…. Files of tensors and vocabularies
// are made by our own writers; each function of the modules given becomes an input of its own.

#include "moru/Data/BytePairs.h"
#include "moru/Data/Npy.h"
#include "moru/Data/Tokenizer.h"
#include "moru/Support/Files.h"
#include "moru/Support/Philox.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace moru;

static HostTensor tensor(ElementType type, Shape shape) {
  HostTensor tensor(type, std::move(shape));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.set(i, double(philoxBits(1, 0, 0, uint64_t(i)) % 2));
  return tensor;
}

static std::vector<NamedTensor> tensors() {
  std::vector<NamedTensor> list;
  list.push_back({"E", tensor(ElementType::F32, {3, 2})});
  list.push_back({"ids", tensor(ElementType::I32, {2, 2})});
  list.push_back({"mask", tensor(ElementType::I1, {4})});
  list.push_back({"empty", tensor(ElementType::BF16, {0, 5})});
  return list;
}

static Error writeTensors(const std::string &root) {
  std::vector<NamedTensor> all = tensors();
  if (Error error = writeSafetensors(root + "/Safetensors/some", all, {{"format", "moru"}}))
    return error;
  if (Error error = writeSafetensors(root + "/Safetensors/none", ArrayRef<NamedTensor>()))
    return error;
  // The names that an imported LSTM has, so that the tables of imports are reached.
  std::vector<NamedTensor> foreign;
  const std::string cell = "rnnlm/multi_rnn_cell/cell_0/basic_lstm_cell/";
  foreign.push_back({"embedding", tensor(ElementType::F32, {3, 2})});
  foreign.push_back({cell + "weights", tensor(ElementType::F32, {3, 4})});
  foreign.push_back({cell + "biases", tensor(ElementType::F32, {4})});
  foreign.push_back({"rnnlm/softmax_w", tensor(ElementType::F32, {1, 3})});
  foreign.push_back({"rnnlm/softmax_b", tensor(ElementType::F32, {3})});
  if (Error error = writeSafetensors(root + "/Safetensors/lstm", foreign))
    return error;
  for (const NamedTensor &named : all)
    if (named.tensor.type() != ElementType::BF16)
      if (Error error = writeNpy(root + "/Npy/" + named.name, named.tensor))
        return error;
  all.pop_back(); // NumPy has no bf16
  return writeNpz(root + "/Npz/some", refsTo(all));
}

static Error writeTokenizers(const std::string &root) {
  auto put = [&](StringRef name, const Tokenizer &tokenizer, StringRef text) {
    return writeFile(root + "/Tokenizer/" + name.str(), tokenizer.files().front().contents + '\0' + text.str());
  };
  std::shared_ptr<Tokenizer> characters = cantFail(VocabularyTokenizer::fromCharacters("añ\n한b"));
  if (Error error = put("characters", *characters, "bañ"))
    return error;
  std::vector<std::string> words = VocabularyTokenizer::split(TokenUnit::Words, "We'd go, \"and\" go - on.");
  if (Error error =
          put("words", *VocabularyTokenizer::fromTokens(TokenUnit::Words, words, 9), "Go on, \"we\u2019d\" said"))
    return error;
  BytePairTraining small;
  small.vocabularySize = 270;
  if (Error error =
          put("byte-pairs", *cantFail(BytePairTokenizer::train({"the sea, the sea, the seas"}, small)), "the sea"))
    return error;
  if (Error error = writeFile(root + "/Tokenizer/vocab-and-merges",
                              StringRef("{\"a\":0,\"b\":1,\"ab\":2}\n---\n#version: 0.2\na b\n\0ab ab", 49)))
    return error;
  return put("pieces", *VocabularyTokenizer::fromTokens(TokenUnit::Pieces, words, 6), "a  go\t,");
}

/// The functions of a file of tests: what stands between empty lines, without comments.
static std::vector<std::string> functionsOf(StringRef text) {
  std::vector<std::string> functions(1);
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (StringRef line : lines) {
    if (line.starts_with("func.func"))
      functions.emplace_back();
    if (!line.trim().starts_with("//") && !line.empty())
      functions.back() += (line + "\n").str();
  }
  functions.erase(functions.begin()); // what is before the first one
  return functions;
}

static Error writeGraphs(const std::string &folder, ArrayRef<const char *> files) {
  for (StringRef file : files) {
    Expected<std::string> text = readFile(file);
    if (!text)
      return text.takeError();
    for (auto [index, function] : enumerate(functionsOf(*text)))
      if (Error error = writeFile(folder + "/" + sys::path::stem(file).str() + "-" + std::to_string(index), function))
        return error;
  }
  return Error::success();
}

static Error writeAll(const std::string &root, ArrayRef<const char *> modules) {
  for (const char *folder : {"Safetensors", "Npy", "Npz", "Tokenizer", "Graph"})
    if (Error error = createFolder(root + "/" + folder))
      return error;
  if (Error error = writeTensors(root))
    return error;
  if (Error error = writeTokenizers(root))
    return error;
  return writeGraphs(root + "/Graph", modules);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    errs() << "usage: FuzzSeeds FOLDER FILE.mlir…\n";
    return EXIT_FAILURE;
  }
  if (Error error = writeAll(argv[1], ArrayRef<const char *>(argv + 2, argv + argc))) {
    errs() << "error: " << toString(std::move(error)) << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
