// The safetensors reader against good files and hostile ones: every rejection names the byte, what was expected and
// what was there.
#include "moru/Runtime/Safetensors.h"

#include "gtest/gtest.h"

#include <memory>
#include <string>
#include <vector>

namespace {

struct IndexDeleter {
  void operator()(moru_safetensors *index) const { moru_safetensors_close(index); }
};
using Index = std::unique_ptr<moru_safetensors, IndexDeleter>;

std::string makeFile(const std::string &header, size_t dataBytes) {
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i)
    file[i] = static_cast<char>(header.size() >> (8 * i));
  return file + header + std::string(dataBytes, '\1');
}

/// Opens a copy on the heap of exactly the file's size, so that a sanitizer sees any access beyond it.
Index open(const std::string &file, std::string *message = nullptr) {
  moru_error error = {};
  std::unique_ptr<char[]> exact(new char[file.size()]);
  std::copy(file.begin(), file.end(), exact.get());
  Index index(moru_safetensors_open(exact.get(), file.size(), &error));
  EXPECT_EQ(index == nullptr, error.message[0] != '\0') << error.message;
  if (message)
    *message = error.message;
  return index;
}

void expectError(const std::string &header, size_t dataBytes, const std::string &part) {
  std::string message;
  EXPECT_FALSE(open(makeFile(header, dataBytes), &message)) << header;
  EXPECT_NE(message.find(part), std::string::npos) << header << "\n  gives: " << message << "\n  expected: " << part;
  EXPECT_EQ(message.rfind("byte ", 0), 0u) << message;
}

const char kGood[] = R"({"__metadata__":{"format":"pt","\u00e9t\u00e9":"a\"b"},)"
                     R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                     R"( "a/\ud83d\ude00" : { "data_offsets":[0,4], "shape":[], "dtype":"F32" },)"
                     R"("empty":{"dtype":"I64","shape":[0,5],"data_offsets":[16,16]}}   )";

TEST(SafetensorsTest, ReadsAGoodFile) {
  std::string file = makeFile(kGood, 16);
  Index index = open(file);
  ASSERT_TRUE(index);
  uint64_t data = 8 + sizeof kGood - 1;
  EXPECT_EQ(index->data_begin, data);
  ASSERT_EQ(index->entry_count, 3);
  EXPECT_STREQ(index->entries[0].name, "a/\xf0\x9f\x98\x80");
  EXPECT_EQ(index->entries[0].rank, 0);
  const moru_safetensors_entry *b = moru_safetensors_find(index.get(), "b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->dtype, MORU_DTYPE_BF16);
  EXPECT_EQ(std::vector<int64_t>(b->shape, b->shape + b->rank), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b->begin, data + 4);
  EXPECT_EQ(b->end, data + 16);
  EXPECT_EQ(moru_safetensors_find(index.get(), "c"), nullptr);
  ASSERT_EQ(index->metadata_count, 2);
  EXPECT_STREQ(index->metadata[1].key, "\xc3\xa9t\xc3\xa9");
  EXPECT_STREQ(index->metadata[1].value, "a\"b");
}

TEST(SafetensorsTest, ReadsAnEmptyFile) {
  Index index = open(makeFile("{}", 0));
  ASSERT_TRUE(index);
  EXPECT_EQ(index->entry_count, 0);
}

TEST(SafetensorsTest, RejectsEveryTruncation) {
  std::string file = makeFile(kGood, 16);
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(open(file.substr(0, size))) << size;
}

TEST(SafetensorsTest, RejectsEveryTruncatedHeader) {
  std::string header = kGood;
  for (size_t size = 0; size + 4 < header.size(); ++size)
    EXPECT_FALSE(open(makeFile(header.substr(0, size), 16))) << header.substr(0, size);
}

TEST(SafetensorsTest, SurvivesEveryChangedByte) {
  std::string file = makeFile(kGood, 16);
  for (size_t i = 0; i < file.size() - 16; ++i) {
    for (int value : {0x00, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x5c, 0x7d, 0x80, 0xed, 0xff}) {
      std::string changed = file;
      changed[i] = static_cast<char>(value);
      open(changed);
    }
  }
}

TEST(SafetensorsTest, RejectsAbsurdLengths) {
  std::string file = makeFile("{}", 0), message;
  file[6] = 1;
  EXPECT_FALSE(open(file, &message));
  EXPECT_NE(message.find("at most 100000000 bytes, got 281474976710658"), std::string::npos) << message;
  file = makeFile("{}", 0);
  file[0] = 50;
  EXPECT_FALSE(open(file, &message));
  EXPECT_NE(message.find("expected 50 bytes of header, got 2"), std::string::npos) << message;
}

std::string tensor(const std::string &name, const std::string &shape, const std::string &offsets,
                   const std::string &dtype = "U8") {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST(SafetensorsTest, RejectsWrongOffsets) {
  expectError("{" + tensor("a", "[4]", "[0,4]") + "," + tensor("b", "[4]", "[2,6]") + "}", 6, "tensors overlap");
  expectError("{" + tensor("a", "[4]", "[0,4]") + "," + tensor("b", "[4]", "[0,4]") + "}", 4, "tensors overlap");
  expectError("{" + tensor("a", "[4]", "[0,4]") + "," + tensor("b", "[4]", "[5,9]") + "}", 9, "belong to no tensor");
  expectError("{" + tensor("a", "[4]", "[1,5]") + "}", 5, "begin at offset 0, got 1");
  expectError("{" + tensor("a", "[4]", "[0,4]") + "}", 9, "got 5 bytes more");
  expectError("{" + tensor("a", "[4]", "[0,5]") + "}", 5, "expected 4 bytes from shape and dtype, got 5");
  expectError("{" + tensor("a", "[4]", "[0,4]") + "}", 3, "an offset of at most 3");
  expectError("{" + tensor("a", "[4]", "[4,0]") + "}", 4, "ascending order, got 4 and 0");
  expectError("{" + tensor("a", "[4]", "[0,4,8]") + "}", 4, "expected ']', got ','");
  expectError("{" + tensor("a", "[4]", "[0,99999999999999999999]") + "}", 4, "larger number");
  expectError("{" + tensor("a", "[4]", "[-1,4]") + "}", 4, "expected an offset, got '-'");
}

TEST(SafetensorsTest, RejectsWrongShapes) {
  expectError("{" + tensor("a", "[4294967296,4294967296]", "[0,0]") + "}", 0, "fewer than 2^63 bytes");
  expectError("{" + tensor("a", "[4294967296,4294967296,0]", "[0,0]") + "}", 0, "fewer than 2^63 bytes");
  expectError("{" + tensor("a", "[9223372036854775807]", "[0,0]", "F64") + "}", 0, "fewer than 2^63 bytes");
  expectError("{" + tensor("a", "[9223372036854775808]", "[0,0]") + "}", 0, "at most 9223372036854775807");
  expectError("{" + tensor("a", "[1.5]", "[0,1]") + "}", 1, "got a fraction");
  expectError("{" + tensor("a", "[1e0]", "[0,1]") + "}", 1, "got a fraction");
  expectError("{" + tensor("a", "[01]", "[0,1]") + "}", 1, "leading zero");
  expectError("{" + tensor("a", "[1,]", "[0,1]") + "}", 1, "expected an extent, got ']'");
  expectError("{" + tensor("a", "[1", "[0,1]") + "}", 1, "expected ");
  std::string deep = "[1";
  for (int i = 0; i < 64; ++i)
    deep += ",1";
  expectError("{" + tensor("a", deep + "]", "[0,1]") + "}", 1, "at most 64 dimensions");
  expectError("{" + tensor("a", std::string(100000, '['), "[0,1]") + "}", 1, "expected an extent, got '['");
}

TEST(SafetensorsTest, RejectsWrongKeys) {
  expectError("{" + tensor("a", "[1]", "[0,1]") + "," + tensor("\\u0061", "[1]", "[1,2]") + "}", 2,
              "each key once, got \"a\" at byte 9");
  expectError(R"({"a":{"dtype":"U8","dtype":"U8"}})", 0, "\"dtype\" once");
  expectError(R"({"a":{"dtype":"U8","shape":[1]}})", 1, "without \"data_offsets\"");
  expectError(R"({"a":{"type":"U8"}})", 1, "got \"type\"");
  expectError(R"({"a":{}})", 0, "expected one of \"dtype\"");
  expectError(R"({"a":[]})", 0, "expected '{', got '['");
  expectError(R"({"__metadata__":{"x":"1","x":"2"}})", 0, "each key once, got \"x\"");
  expectError(R"({"__metadata__":{},"__metadata__":{}})", 0, "\"__metadata__\" twice");
  expectError(R"({"__metadata__":{"x":1}})", 0, "expected a string as value");
  expectError("{" + tensor("a", "[1]", "[0,1]", "F8_E4M3") + "}", 1, "got 'F8_E4M3'");
}

TEST(SafetensorsTest, RejectsWrongText) {
  for (const char *bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    expectError("{" + tensor(bad, "[1]", "[0,1]") + "}", 1, "UTF-8");
  expectError("{" + tensor("\\u0000", "[1]", "[0,1]") + "}", 1, "NUL");
  expectError("{" + tensor("\\ud800", "[1]", "[0,1]") + "}", 1, "surrogates");
  expectError("{" + tensor("\\ud800\\u0041", "[1]", "[0,1]") + "}", 1, "surrogates");
  expectError("{" + tensor("\\udc00", "[1]", "[0,1]") + "}", 1, "surrogates");
  expectError("{" + tensor("\\x", "[1]", "[0,1]") + "}", 1, "escape sequence");
  expectError("{" + tensor("\\u12g4", "[1]", "[0,1]") + "}", 1, "hexadecimal");
  expectError("{" + tensor("a\nb", "[1]", "[0,1]") + "}", 1, "printable");
  expectError("{\"\\ud800\\", 0, "surrogates");
  expectError("{\"a\xe2", 0, "UTF-8");
}

TEST(SafetensorsTest, RejectsWrongStructure) {
  expectError("", 0, "expected '{' at the start of the header, got the end");
  expectError(" {}", 0, "expected '{' at the start");
  expectError("{}x", 0, "nothing but spaces");
  expectError("{,}", 0, "the name of a tensor, got ','");
  expectError("{" + tensor("a", "[1]", "[0,1]") + ",}", 1, "the name of a tensor, got '}'");
  expectError("{" + tensor("a", "[1]", "[0,1]") + " " + tensor("b", "[1]", "[1,2]") + "}", 2, "',' or '}'");
  expectError(std::string(100000, '{'), 0, "the name of a tensor");
}

} // namespace
