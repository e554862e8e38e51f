//===- StagesTest.cpp - names and order of the stages ---------------------===//
// What `--emit=<stage>` accepts is what a stage is called.
//===----------------------------------------------------------------------===//

#include "moru/Pipeline/Pipeline.h"

#include <gtest/gtest.h>

using namespace moru;

TEST(Stages, HaveNamesThatAreFoundAgain) {
  for (const char *name : {"graph", "gradient", "simplified"}) {
    auto stage = getStage(name);
    ASSERT_TRUE(stage) << name;
    EXPECT_EQ(getName(*stage), name);
  }
  EXPECT_FALSE(getStage("Graph"));
  EXPECT_FALSE(getStage(""));
}

TEST(Stages, ComeInOrder) {
  EXPECT_LT(Stage::Graph, Stage::Gradient);
  EXPECT_LT(Stage::Gradient, Stage::Simplified);
}

TEST(Stages, NothingLiesBetweenAStageAndItself) {
  mlir::OpPassManager manager("builtin.module");
  populateStages(manager, Stage::Gradient, Stage::Gradient, PipelineOptions());
  EXPECT_EQ(manager.size(), 0u);
  populateStages(manager, Stage::Graph, Stage::Gradient, PipelineOptions());
  EXPECT_EQ(manager.size(), 1u);
}
