// safetensors: round trips of every type, the layout of what is written, truncated and damaged files.

#include "moru/Data/Safetensors.h"
#include "TestUtils.h"

#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class Safetensors : public FolderTest {};
} // namespace

static std::vector<NamedTensor> someTensors() {
  std::vector<NamedTensor> tensors;
  for (ElementType type : kAllTypes)
    tensors.push_back({"layer." + std::string(toString(type)), randomTensor(type, {3, 5}, uint64_t(type))});
  tensors.push_back({"scalar", HostTensor::scalar(1.5f)});
  tensors.push_back({"empty", HostTensor(ElementType::F32, {0, 4})});
  tensors.push_back({"weird \"name\"\n한", HostTensor::scalar<int64_t>(7)});
  return tensors;
}

static Expected<SafetensorsFile> parse(StringRef bytes) {
  return SafetensorsFile::parse(MemoryBuffer::getMemBufferCopy(bytes, "test"));
}

TEST_F(Safetensors, ReadsWhatItWrote) {
  std::vector<NamedTensor> tensors = someTensors();
  Metadata metadata = {{"format", "moru"}, {"model", "{\"V\": 53}"}};
  ASSERT_EQ(messageOf(writeSafetensors(at("a"), tensors, metadata)), "");
  SafetensorsFile file = cantFail(SafetensorsFile::open(at("a")));
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (const NamedTensor &tensor : tensors)
    EXPECT_TRUE(cantFail(file.read(tensor.name)).sameBits(tensor.tensor)) << tensor.name;
}

TEST_F(Safetensors, KeepsTheOrderOfEqualTypesAndAlignsAll) {
  ASSERT_EQ(messageOf(writeSafetensors(at("a"), someTensors())), "");
  std::string bytes = cantFail(readFile(at("a")));
  uint64_t header = support::endian::read64le(bytes.data());
  EXPECT_EQ(header % 8, 0u);
  SafetensorsFile file = cantFail(SafetensorsFile::open(at("a")));
  for (const SafetensorsFile::Entry &entry : file.entries())
    EXPECT_EQ((entry.bytes.data() - file.entries().front().bytes.data()) % elementSize(entry.type), 0u);

  std::vector<NamedTensor> floats;
  for (const char *name : {"z", "a", "m"})
    floats.push_back({name, HostTensor::scalar(1.0f)});
  ASSERT_EQ(messageOf(writeSafetensors(at("b"), floats)), "");
  std::vector<NamedTensor> read = cantFail(readSafetensors(at("b")));
  EXPECT_EQ(read[0].name + read[1].name + read[2].name, "zam");
}

TEST_F(Safetensors, WritesTheSameBytesForTheSameTensors) {
  ASSERT_EQ(messageOf(writeSafetensors(at("a"), someTensors())), "");
  ASSERT_EQ(messageOf(writeSafetensors(at("b"), someTensors())), "");
  EXPECT_EQ(cantFail(readFile(at("a"))), cantFail(readFile(at("b"))));
}

TEST_F(Safetensors, RefusesBadNames) {
  std::vector<NamedTensor> twice;
  twice.push_back({"a", HostTensor()});
  twice.push_back({"a", HostTensor()});
  EXPECT_EQ(messageOf(writeSafetensors(at("a"), twice)), "expected distinct names of tensors, got 'a' twice");
  for (std::string name : {std::string(), std::string("__metadata__"), std::string("a\0b", 3), std::string("\xFF")}) {
    std::vector<NamedTensor> bad;
    bad.push_back({name, HostTensor()});
    EXPECT_NE(messageOf(writeSafetensors(at("a"), bad)), "");
  }
  EXPECT_FALSE(sys::fs::exists(at("a")));
}

TEST_F(Safetensors, NamesTheFileAndTheNearestTensor) {
  EXPECT_TRUE(contains(messageOf(SafetensorsFile::open(at("none"))), at("none")));
  EXPECT_TRUE(contains(messageOf(SafetensorsFile::open(put("short", "abc"))), at("short") + ": "));
  ASSERT_EQ(messageOf(writeSafetensors(at("a"), someTensors())), "");
  SafetensorsFile file = cantFail(SafetensorsFile::open(at("a")));
  EXPECT_EQ(messageOf(file.read("layer.f33")),
            at("a") + ": expected a tensor 'layer.f33', got 13 others, the nearest is 'layer.f32'");
}

TEST_F(Safetensors, RefusesEveryTruncationAndSurvivesDamage) {
  std::vector<NamedTensor> tensors;
  tensors.push_back({"w", randomTensor(ElementType::F32, {2, 3}, 1)});
  tensors.push_back({"b", randomTensor(ElementType::I1, {5}, 2)});
  ASSERT_EQ(messageOf(writeSafetensors(at("a"), tensors, {{"k", "v"}})), "");
  damage(cantFail(readFile(at("a"))), 3000, [](StringRef bytes, bool truncated) {
    Expected<SafetensorsFile> file = parse(bytes);
    EXPECT_FALSE(truncated && bool(file)) << bytes.size();
    if (file)
      file->readAll();
    else
      consumeError(file.takeError());
  });
}

TEST_F(Safetensors, ReadsBytesOfBooleansAsTwoValues) {
  std::string header = R"({"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})";
  header.resize(64, ' ');
  std::string bytes(8, '\0');
  support::endian::write64le(bytes.data(), header.size());
  bytes += header + std::string("\x00\x01\x05", 3);
  HostTensor tensor = cantFail(cantFail(parse(bytes)).read("b"));
  EXPECT_EQ(tensor.at(2), 1.0);
}

TEST(SafetensorsData, ReadsFilesOfOthers) {
  std::string path = sharedData("parity/lstm_lm/batch.safetensors");
  if (path.empty())
    GTEST_SKIP() << "no shared data; set MORU_DATA_DIR";
  SafetensorsFile batch = cantFail(SafetensorsFile::open(path));
  EXPECT_EQ(cantFail(batch.read("ids")).toString(), "[10, 3, 7] i32");
  EXPECT_TRUE(batch.metadata().count("model"));
}
