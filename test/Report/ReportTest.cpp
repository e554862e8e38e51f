// Pages, charts and neighbors.

#include "moru/Report/Charts.h"
#include "moru/Report/Neighbors.h"
#include "moru/Report/Page.h"

#include "llvm/ADT/StringRef.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace moru;

TEST(Page, EscapesWhatIsText) {
  Page page("a < b & \"c\"");
  page.table({{"<th>"}, {"<td>"}});
  page.verbatim("1 < 2\n  3");
  std::string text = page.text();
  EXPECT_NE(text.find("<title>a &lt; b &amp; &quot;c&quot;</title>"), std::string::npos);
  EXPECT_NE(text.find("<tr><th>&lt;th&gt;</th></tr>\n<tr><td>&lt;td&gt;</td></tr>"), std::string::npos);
  EXPECT_NE(text.find("<pre>1 &lt; 2\n  3</pre>"), std::string::npos);
}

TEST(Charts, TicksCoverTheirRange) {
  for (auto [low, high] : {std::pair(0.0, 1.0), {-3.0, 7.5}, {2.0, 2.0}, {0.0, 0.0}, {1e-9, 3e-9}, {-1e6, 12.0}}) {
    std::vector<double> ticks = axisTicks(low, high);
    EXPECT_LE(ticks.front(), low);
    EXPECT_GE(ticks.back(), high);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 10u) << low << " to " << high;
    EXPECT_GT(ticks[1], ticks[0]);
  }
}

TEST(Charts, LeaveOutWhatIsNoNumber) {
  EXPECT_NE(lineChart({"Loss", "step", ""}, {ChartLine{"a", {{1, NAN}, {2, INFINITY}}}}).find("nothing to show"),
            std::string::npos);
  std::string chart = lineChart({"Loss", "step", ""}, {ChartLine{"a", {{0, 1}, {1, NAN}, {2, 3}}}});
  EXPECT_EQ(chart.find("nan"), std::string::npos);
  EXPECT_NE(chart.find("<polyline"), std::string::npos);
}

TEST(Charts, DrawMeansOfVeryManyPoints) {
  ChartLine line{"a", {}};
  for (int i = 0; i < 100'000; ++i)
    line.points.emplace_back(i, i % 2);
  std::string chart = lineChart({"Loss", "step", ""}, line);
  EXPECT_LT(chart.size(), 10'000u);
}

TEST(Charts, HeatMapsHaveACellForEachWeight) {
  std::string map = heatMap({"Map", {"a", "<b>"}, {"x", "y", "z"}, {0, 0.25, 0.75, 1, 0, 0}});
  EXPECT_EQ(llvm::StringRef(map).count("<td "), 6u);
  EXPECT_NE(map.find("<th>&lt;b&gt;</th>"), std::string::npos);
  EXPECT_NE(map.find("0.75</td>"), std::string::npos);
}

TEST(Neighbors, AreNearestInDirection) {
  HostTensor table = HostTensor::from<float>({5, 2}, {1, 0, 3, 0.3f, 0, 5, -1, 0, 0, 0});
  std::vector<Neighbor> found = nearestRows(table, 0, 10);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].row, 1);
  EXPECT_NEAR(found[0].cosine, 3 / std::hypot(3, 0.3), 1e-6);
  // At right angles, as a row without a direction is.
  EXPECT_EQ(found[1].row, 2);
  EXPECT_EQ(found[2].row, 4);
  EXPECT_EQ(found[3].row, 3);
  EXPECT_EQ(nearestRows(table, 0, 1, /*first=*/2).front().row, 2);
}

TEST(Neighbors, LieInThePlaneInWhichTheyDifferMost) {
  // Along (3, 4) / 5 by 10, across by 1.
  HostTensor table = HostTensor::from<float>({4, 2}, {6, 8, -6, -8, -0.8f, 0.6f, 0.8f, -0.6f});
  std::vector<std::pair<double, double>> places = principalPlane(table, {0, 1, 2, 3});
  EXPECT_NEAR(std::abs(places[0].first), 10, 1e-5);
  EXPECT_NEAR(places[0].first + places[1].first, 0, 1e-5);
  EXPECT_NEAR(std::abs(places[2].second), 1, 1e-5);
  EXPECT_NEAR(places[2].first, 0, 1e-5);
  // Alike: no direction to differ in.
  HostTensor same = HostTensor::full<float>({3, 4}, 1);
  for (auto [x, y] : principalPlane(same, {0, 1, 2}))
    EXPECT_TRUE(x == 0 && y == 0);
}
