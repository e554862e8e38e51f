// Numbers, tables, checksums and progress lines.

#include "moru/Support/Format.h"
#include "moru/Support/Hash.h"
#include "moru/Support/Progress.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace moru;

TEST(Format, WritesNumbersForPeople) {
  EXPECT_EQ(formatCount(0), "0");
  EXPECT_EQ(formatCount(999), "999");
  EXPECT_EQ(formatCount(850553), "850,553");
  EXPECT_EQ(formatCount(-1000), "-1,000");
  EXPECT_EQ(formatBytes(0), "0 B");
  EXPECT_EQ(formatBytes(1023), "1023 B");
  EXPECT_EQ(formatBytes(1536), "1.5 KiB");
  EXPECT_EQ(formatBytes((uint64_t(1) << 20) - 1), "1.0 MiB");
  EXPECT_EQ(formatDuration(0.84), "0.8 s");
  EXPECT_EQ(formatDuration(59.4), "59 s");
  EXPECT_EQ(formatDuration(187), "3 min 07 s");
  EXPECT_EQ(formatDuration(7500), "2 h 05 min");
  EXPECT_EQ(formatDuration(-1), "?");
  EXPECT_EQ(formatNumber(1.330049), "1.33");
  EXPECT_EQ(formatNumber(850553), "850553");
  EXPECT_EQ(formatNumber(1.2e-9), "1.2e-09");
}

TEST(Format, AlignsTables) {
  Table table({"op", "error", "ok"});
  table.add({"add", "1", "yes"});
  table.add({"문맥", "-0.25", "no"});
  std::string text;
  raw_string_ostream stream(text);
  table.print(stream);
  EXPECT_EQ(text, "op    error  ok\n"
                  "add       1  yes\n"
                  "문맥  -0.25  no\n");
}

TEST(Hash, GivesKnownAnswers) {
  EXPECT_EQ(crc32Hex(crc32("123456789")), "cbf43926"); // the check value of CRC-32
  EXPECT_EQ(crc32("789", crc32("123456")), crc32("123456789"));
  EXPECT_EQ(crc32OfIds({0x34333231}), crc32("1234"));
  EXPECT_EQ(crc32Hex(0x1f), "0000001f");
  EXPECT_EQ(xxh3Hex(""), "2d06800538d394c2"); // the hash of nothing
  EXPECT_NE(xxh3Hex("a"), xxh3Hex("b"));
}

TEST(Progress, IsQuietWhereNobodyWatches) {
  std::string text;
  raw_string_ostream stream(text);
  {
    ProgressLine line(stream, /*shown=*/false);
    EXPECT_FALSE(line.isDue());
    line.update("step 1");
  }
  EXPECT_EQ(text, "");
}

TEST(Progress, ShowsAndErasesOneLine) {
  std::string text;
  raw_string_ostream stream(text);
  {
    ProgressLine line(stream, /*shown=*/true);
    line.update("step 1");
    line.update("step 2"); // too soon
    line.finish("done");
  }
  EXPECT_EQ(text, "\r\033[Kstep 1\r\033[Kdone\n");
  EXPECT_EQ(formatBar(5, 10, 10), "[#####-----]");
  EXPECT_EQ(formatBar(0, 0, 4), "[----]");
}
