// sweep_test.cpp: which rows of a comparison make a curve, and of what.
#include "gradients/sweep.hpp"

#include <cmath>

#include "support/catch.hpp"

using namespace metatape::cli;

namespace {

Compared row(const char* name, std::int64_t steps, std::optional<double> sigma, double bias,
             const char* label = nullptr) {
  Compared c{.label = label ? label : name, .steps = steps, .sigma = sigma, .gradient_length = 2};
  c.report.name = name;
  c.report.samples = sigma ? 5 : 1;
  c.report.relative_bias = bias;
  c.report.relative_bias_ci95 = sigma ? 0.25 : 0;
  c.report.variance = sigma ? 8 : 0;
  c.report.mean_squared_error = bias * bias * 4 + c.report.variance;
  return c;
}

}  // namespace

TEST_CASE("sweep: one number for each estimator is no curve") {
  CHECK(swept_numbers({row("exact", 5, {}, 0), row("truncated:2", 5, {}, -0.5),
                       row("es:4", 5, 0.1, 0.1), row("pes:4:2", 5, 0.1, 0.1)})
            .empty());
}

TEST_CASE("sweep: by sigma, in order, relative to the gradient") {
  const auto found = swept_numbers({row("exact", 5, {}, 0), row("es:4", 5, 0.1, 0.5, "es:4 σ=0.1"),
                                    row("es:4", 5, 0.01, 0, "es:4 σ=0.01"),
                                    row("pes:4:2", 5, 0.1, 1, "pes:4:2 σ=0.1"),
                                    row("pes:4:2", 5, 0.01, 0.2, "pes:4:2 σ=0.01")});
  REQUIRE(found.size() == 1);
  const SweptNumber& n = found[0];
  CHECK(n.name == "sigma");
  REQUIRE(n.bias.size() == 2);
  CHECK(n.bias[0].name == "es:4");
  CHECK(n.bias[0].x == std::vector<double>{0.01, 0.1});
  CHECK(n.bias[0].y == std::vector<double>{0, 0.5});
  CHECK(n.bias[0].low == std::vector<double>{-0.25, 0.25});
  CHECK(n.bias[0].high == std::vector<double>{0.25, 0.75});
  CHECK(n.variance[1].name == "pes:4:2");
  CHECK(n.variance[1].y == std::vector<double>{2, 2});
  CHECK(n.error[0].y == std::vector<double>{2, 2.25});
}

TEST_CASE("sweep: by the numbers in names") {
  const auto found =
      swept_numbers({row("truncated:2", 5, {}, -0.5), row("truncated:4", 5, {}, -0.25),
                     row("pes:4:1", 5, 0.1, 0.1), row("pes:4:5", 5, 0.1, 0.1),
                     row("pes:8:5", 5, 0.1, 0.1), row("es:4", 5, 0.1, 0), row("es:16", 5, 0.1, 0),
                     row("artbp:0.1", 5, {}, 0), row("artbp:0.2", 5, {}, 0)});
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "window");
  REQUIRE(found[0].bias.size() == 2);
  CHECK(found[0].bias[0].name == "truncated:K");
  CHECK(found[0].bias[0].x == std::vector<double>{2, 4});
  CHECK(found[0].bias[1].name == "pes:4:K");
  CHECK(found[0].variance.size() == 1);  // truncation draws nothing
  CHECK(found[0].error.size() == 2);
  CHECK(found[1].name == "pairs");
  REQUIRE(found[1].bias.size() == 2);
  CHECK(found[1].bias[0].name == "pes:N:5");
  CHECK(found[1].bias[1].x == std::vector<double>{4, 16});
}

TEST_CASE("sweep: by the length of the run, the rest over the longest") {
  const auto found =
      swept_numbers({row("es:4", 5, 0.1, NAN, "es:4 σ=0.1"), row("es:4", 5, 0.2, 0, "es:4 σ=0.2"),
                     row("es:4", 10, 0.1, 7, "es:4 σ=0.1"), row("es:4", 10, 0.2, 0, "es:4 σ=0.2"),
                     row("truncated:7", 10, {}, 0)});
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "steps");
  REQUIRE(found[0].bias.size() == 2);
  CHECK(found[0].bias[0].name == "es:4 σ=0.1");
  CHECK(found[0].bias[0].x == std::vector<double>{5, 10});
  CHECK(std::isnan(found[0].bias[0].y[0]));
  CHECK(found[1].name == "sigma");
  REQUIRE(found[1].bias.size() == 1);
  CHECK(found[1].bias[0].y == std::vector<double>{7, 0});
}
