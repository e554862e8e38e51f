// Rooflines follow from peaks; peaks are measured.

#include "moru/Train/Calibration.h"

#include "gtest/gtest.h"

using namespace moru;

namespace {

Calibration machine() {
  Calibration calibration;
  calibration.vectorFlops = 1e9;
  calibration.tileFlops = 16e9;
  calibration.reads = {{1000, 1e9}, {100000, 1e8}};
  return calibration;
}

TEST(CalibrationTest, TakesTheNearestSetThatHoldsWhatIsRead) {
  EXPECT_EQ(machine().readOf(1).bytes, 1000);
  EXPECT_EQ(machine().readOf(1000).bytes, 1000);
  EXPECT_EQ(machine().readOf(5000).bytes, 100000);
  EXPECT_EQ(machine().readOf(int64_t(1) << 40).bytes, 100000);
}

TEST(CalibrationTest, BoundsByTheSlowestOfWhatIsNeeded) {
  KernelCost cost;
  cost.flops = cost.contractionFlops = 1000;
  cost.bytes = 100;
  EXPECT_DOUBLE_EQ(machine().boundOf(cost, 0).seconds, 1e-6);
  EXPECT_EQ(machine().boundOf(cost, 0).limit, "multiply-add");
  // Six products for each, sixteen times as fast.
  cost.products = 6;
  EXPECT_DOUBLE_EQ(machine().boundOf(cost, 0).seconds, 6e-6 / 16);
  EXPECT_EQ(machine().boundOf(cost, 0).limit, "matrix units");
  // What parameters hold is where all of the step's bytes lie, the rest where the kernel's do.
  cost.bytes = 1000, cost.residentBytes = 400;
  EXPECT_DOUBLE_EQ(machine().boundOf(cost, 100000).seconds, 400 / 1e8 + 600 / 1e9);
  EXPECT_EQ(machine().boundOf(cost, 100000).limit, "reading 97.7 KiB");
  EXPECT_EQ(machine().boundOf(cost, 1000).limit, "reading 1000 B");
}

TEST(CalibrationTest, CountsEveryProductOfParts) {
  KernelCost cost;
  cost.flops = 110, cost.contractionFlops = 100;
  EXPECT_EQ(cost.executedFlops(), 110);
  cost.products = 1;
  EXPECT_EQ(cost.executedFlops(), 110);
  cost.products = 6;
  EXPECT_EQ(cost.executedFlops(), 610);
}

TEST(CalibrationTest, MeasuresOnEveryTarget) {
  for (const char *name : {"x86-64-v2", "x86-64-v3", "native"}) {
    CompileOptions options;
    options.cache = false;
    options.target = Target::parse(name).take();
    llvm::Expected<Calibration> calibration = calibrate(options, 2, 6 << 20);
    ASSERT_TRUE(bool(calibration)) << llvm::toString(calibration.takeError());
    EXPECT_GT(calibration->vectorFlops, 0) << name;
    EXPECT_EQ(calibration->tileFlops > 0, options.target.hasTiles()) << name;
    ASSERT_GE(calibration->reads.size(), 2u);
    for (size_t i = 0; i < calibration->reads.size(); ++i) {
      EXPECT_GT(calibration->reads[i].bytesPerSecond, 0) << name;
      EXPECT_TRUE(i == 0 || calibration->reads[i].bytes > calibration->reads[i - 1].bytes) << name;
    }
  }
}

TEST(CalibrationTest, LeavesItsOwnMemoryOut) {
  CalibratedRun run;
  EXPECT_EQ(run.get(), nullptr);
  double before = run.peakMegabytes();
  CompileOptions options;
  ASSERT_FALSE(bool(run.calibrate(options, 1, 0)));
  ASSERT_NE(run.get(), nullptr);
  // A calibration reads half a gigabyte.
  EXPECT_LT(run.peakMegabytes(), before + 300);
}

} // namespace
