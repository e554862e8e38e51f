// Laws of host tensors: sizes, moves, conversions of every 16-bit value, printing.

#include "moru/Support/HostTensor.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace moru;

static const ElementType kAllTypes[] = {ElementType::F32, ElementType::F64, ElementType::BF16, ElementType::F16,
                                        ElementType::I64, ElementType::I32, ElementType::I16,  ElementType::I8,
                                        ElementType::U8,  ElementType::I1};

TEST(HostTensor, AllocatesAlignedZeros) {
  for (ElementType type : kAllTypes) {
    HostTensor tensor(type, {3, 5, 7});
    EXPECT_EQ(tensor.numElements(), 105);
    EXPECT_EQ(tensor.sizeInBytes(), 105 * elementSize(type));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes()) % HostTensor::kAlignment, 0u);
    for (int64_t i = 0; i < 105; ++i)
      EXPECT_EQ(tensor.at(i), 0.0);
  }
}

TEST(HostTensor, MovesWithoutCopying) {
  HostTensor tensor = HostTensor::from<float>({2, 2}, {1, 2, 3, 4});
  const void *bytes = tensor.bytes();
  HostTensor moved = std::move(tensor);
  EXPECT_EQ(moved.bytes(), bytes);
  EXPECT_EQ(tensor.numElements(), 0);
  EXPECT_EQ(tensor.bytes(), nullptr);
  HostTensor flat = std::move(moved).reshaped({4});
  EXPECT_EQ(flat.bytes(), bytes);
  EXPECT_EQ(flat.toVector<float>(), (std::vector<float>{1, 2, 3, 4}));
}

TEST(HostTensor, ClonesDeeply) {
  HostTensor tensor = HostTensor::from<int32_t>({3}, {1, 2, 3});
  HostTensor copy = tensor.clone();
  EXPECT_TRUE(copy.sameBits(tensor));
  copy.data<int32_t>()[1] = 7;
  EXPECT_EQ(tensor.at(1), 2);
  EXPECT_FALSE(copy.sameBits(tensor));
}

TEST(HostTensor, HoldsScalarsAndEmptyTensors) {
  EXPECT_EQ(HostTensor::scalar(2.5f).numElements(), 1);
  EXPECT_EQ(HostTensor::scalar(2.5f).rank(), 0);
  HostTensor empty(ElementType::F64, {4, 0, 2});
  EXPECT_EQ(empty.sizeInBytes(), 0u);
  EXPECT_TRUE(empty.clone().sameBits(empty));
  EXPECT_EQ(HostTensor().toString(), "[0] f32");
}

TEST(HostTensor, PrintsAndParsesTypes) {
  EXPECT_EQ(HostTensor(ElementType::F32, {32, 128}).toString(), "[32, 128] f32");
  EXPECT_EQ(HostTensor::scalar<int64_t>(1).toString(), "[] i64");
  for (ElementType type : kAllTypes)
    EXPECT_EQ(parseElementType(toString(type)), type);
  EXPECT_EQ(parseElementType("f8"), std::nullopt);
}

TEST(HostTensor, KeepsEvery16BitFloatThroughFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float half = Float16{uint16_t(bits)}.toFloat();
    float brain = BFloat16{uint16_t(bits)}.toFloat();
    if (!std::isnan(half))
      EXPECT_EQ(Float16::fromFloat(half).bits, bits);
    else
      EXPECT_TRUE(std::isnan(Float16::fromFloat(half).toFloat()));
    if (!std::isnan(brain))
      EXPECT_EQ(BFloat16::fromFloat(brain).bits, bits);
    else
      EXPECT_TRUE(std::isnan(BFloat16::fromFloat(brain).toFloat()));
  }
}

TEST(HostTensor, RoundsToNearestEven) {
  // Between each finite half and the next one, the middle goes to the even one and its neighbours to theirs.
  for (uint16_t bits = 0; bits < 0x7BFF; ++bits) {
    float low = Float16{bits}.toFloat(), high = Float16{uint16_t(bits + 1)}.toFloat();
    float middle = low + (high - low) / 2;
    EXPECT_EQ(Float16::fromFloat(middle).bits, bits % 2 ? bits + 1 : bits);
    EXPECT_EQ(Float16::fromFloat(std::nextafter(middle, low)).bits, bits);
    EXPECT_EQ(Float16::fromFloat(std::nextafter(middle, high)).bits, bits + 1);
  }
  EXPECT_EQ(Float16::fromFloat(65519.996f).bits, 0x7BFF);
  EXPECT_EQ(Float16::fromFloat(65520.0f).bits, 0x7C00);
  EXPECT_EQ(BFloat16::fromFloat(0x1.01p0f).bits, 0x3F80);
  EXPECT_EQ(BFloat16::fromFloat(0x1.03p0f).bits, 0x3F82);
}

TEST(HostTensor, ConvertsBetweenTypes) {
  HostTensor values = HostTensor::from<double>({6}, {-2.75, 0, 3.5, 1e30, -1e30, std::nan("")});
  EXPECT_EQ(values.converted(ElementType::I32).toVector<int32_t>(),
            (std::vector<int32_t>{-2, 0, 3, INT32_MAX, INT32_MIN, 0}));
  EXPECT_EQ(values.converted(ElementType::I64).toVector<int64_t>(),
            (std::vector<int64_t>{-2, 0, 3, INT64_MAX, INT64_MIN, 0}));
  EXPECT_EQ(values.converted(ElementType::U8).toVector<uint8_t>(), (std::vector<uint8_t>{0, 0, 3, 255, 0, 0}));
  EXPECT_EQ(values.converted(ElementType::BF16).at(2), 3.5);
}
