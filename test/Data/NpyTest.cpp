// .npy and .npz: round trips, files as NumPy writes them, other orders, truncated and damaged files.

#include "moru/Data/Npy.h"
#include "TestUtils.h"

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {
class Npy : public FolderTest {};
} // namespace

/// A file of format 1.0 with this dictionary.
static std::string npy(StringRef dictionary, StringRef elements) {
  std::string header = dictionary.str() + "\n";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += {char(header.size() & 255), char(header.size() >> 8)};
  return file + header + elements.str();
}

TEST_F(Npy, ReadsWhatItWrote) {
  for (ElementType type : kAllTypes)
    for (const Shape &shape : {Shape{}, Shape{7}, Shape{0}, Shape{2, 3, 4}, Shape{2, 0, 3}}) {
      if (type == ElementType::BF16)
        continue;
      HostTensor tensor = randomTensor(type, shape, 5);
      ASSERT_EQ(messageOf(writeNpy(at("a.npy"), tensor)), "");
      EXPECT_TRUE(cantFail(readNpy(at("a.npy"))).sameBits(tensor)) << tensor.toString();
    }
}

TEST_F(Npy, WritesTheBytesThatNumPyWrites) {
  std::string file = cantFail(formatNpy(HostTensor::from<float>({2}, {0, 1})));
  std::string expected("\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 67);
  expected.resize(127, ' ');
  expected += std::string("\n\0\0\0\0\0\0\x80\x3f", 9);
  EXPECT_EQ(file, expected);
}

TEST_F(Npy, ConvertsOtherOrders) {
  HostTensor columns = cantFail(
      parseNpy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "\x01\x02\x03\x04\x05\x06"), "t"));
  EXPECT_EQ(columns.toVector<uint8_t>(), (std::vector<uint8_t>{1, 3, 5, 2, 4, 6}));
  HostTensor big =
      cantFail(parseNpy(npy("{\"descr\":'>i2','shape':(2,),'fortran_order':False,}", StringRef("\0\1\1\0", 4)), "t"));
  EXPECT_EQ(big.toVector<int16_t>(), (std::vector<int16_t>{1, 256}));
}

TEST_F(Npy, RefusesWhatItCannotRead) {
  auto message = [](StringRef dictionary, StringRef elements) {
    return messageOf(parseNpy(npy(dictionary, elements), "x.npy"));
  };
  EXPECT_EQ(messageOf(parseNpy("PK", "x.npy")), "x.npy: byte 0: expected a .npy file, which begins with \\x93NUMPY");
  EXPECT_EQ(message("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "12345678"),
            "x.npy: byte 10: expected a type of f2 f4 f8 i1 i2 i4 i8 u1 b1, got '<c8'; convert the array with "
            ".astype() first");
  EXPECT_EQ(message("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "1234"),
            "x.npy: byte 66: expected 8 bytes of elements, got 4");
  for (StringRef shape : {"(-1,)", "(4611686018427387904, 4)", "(99999999999999999999,)", "(3037000500, 3037000500)",
                          "(1", "(,)", "(1 2)", "1"})
    EXPECT_NE(message(("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + "}").str(), "1234"), "")
        << shape.str();
  for (StringRef dictionary :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'shape': ()}", "'descr'",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x"})
    EXPECT_NE(message(dictionary, "1234"), "") << dictionary.str();
  EXPECT_TRUE(contains(messageOf(writeNpy(at("a.npy"), HostTensor(ElementType::BF16, {1}))), "convert it to f32"));
}

TEST_F(Npy, ReadsArchivesThatItWrote) {
  HostTensor x = randomTensor(ElementType::F32, {4, 5}, 1), ids = randomTensor(ElementType::I32, {3}, 2);
  ASSERT_EQ(messageOf(writeNpz(at("a.npz"), {{"x", &x}, {"folder/ids 한", &ids}})), "");
  std::vector<NamedTensor> read = cantFail(readNpz(at("a.npz")));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].name, "x");
  EXPECT_EQ(read[1].name, "folder/ids 한");
  EXPECT_TRUE(read[0].tensor.sameBits(x));
  EXPECT_TRUE(read[1].tensor.sameBits(ids));
  ASSERT_EQ(messageOf(writeNpz(at("none.npz"), {})), "");
  EXPECT_TRUE(cantFail(readNpz(at("none.npz"))).empty());
  EXPECT_TRUE(contains(messageOf(writeNpz(at("b.npz"), {{"x", &x}, {"x", &x}})), "distinct names"));
}

TEST_F(Npy, RefusesEveryTruncationAndSurvivesDamage) {
  HostTensor x = randomTensor(ElementType::F32, {2, 3}, 1), b = randomTensor(ElementType::I1, {3}, 2);
  ASSERT_EQ(messageOf(writeNpz(at("a.npz"), {{"x", &x}, {"b", &b}})), "");
  damage(cantFail(readFile(at("a.npz"))), 3000, [](StringRef bytes, bool truncated) {
    Expected<std::vector<NamedTensor>> read = parseNpz(bytes, "t");
    EXPECT_FALSE(truncated && bool(read)) << bytes.size();
    if (!read)
      consumeError(read.takeError());
  });
  damage(cantFail(formatNpy(x)), 3000, [](StringRef bytes, bool truncated) {
    Expected<HostTensor> read = parseNpy(bytes, "t");
    EXPECT_FALSE(truncated && bool(read)) << bytes.size();
    if (!read)
      consumeError(read.takeError());
  });
}
