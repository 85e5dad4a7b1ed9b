// axis_test.cpp: lines through φ, read from text and laid into a study.
#include "gradients/axis.hpp"

#include <cmath>

#include "metatape/metalearn/optimizers/by_name.hpp"
#include "metatape/metalearn/optimizers/tuned.hpp"
#include "metatape/tasks/optimizees/by_name.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using namespace metatape::cli;
using scratch::complaint;

namespace {

Study study_of(const Params& phi) {
  return {.optimizee = tasks::make_optimizee("bowl"),
          .optimizer = metalearn::optimizer_by_name("momentum"),
          .phi = phi,
          .options = {.steps = 3},
          .key = Key{1}};
}

}  // namespace

TEST_CASE("an axis: both ends, evenly or in equal factors") {
  const Axis even = parse_axis("momentum=0:0.9:4");
  CHECK(even.name == "momentum");
  CHECK(even.values()[1] == Approx(0.3).epsilon(1e-14));
  CHECK(even.values().back() == 0.9);
  CHECK(!even.is_direction());
  const Axis factors = parse_axis("learning_rate=1e-3:1:log:4");
  CHECK(factors.values().size() == 4);
  CHECK(factors.values()[0] == 1e-3);
  CHECK(factors.values()[2] == Approx(0.1).epsilon(1e-14));
  CHECK(parse_axis("random=1:-1:2").values() == std::vector<double>{1, -1});
  CHECK(parse_axis("random=1:-1:2").is_direction());
}

TEST_CASE("what is no axis") {
  const auto says = [](const char* text) { return complaint([&] { parse_axis(text); }); };
  for (const char* text : {"rate", "=1:2:3", "rate=1:2", "rate=1:2:lin:3", "rate=1:2:3:4:5"})
    CHECK(says(text) == std::string("--along ") + text + ": NAME=FROM:TO[:log]:COUNT is expected");
  CHECK(says("rate=a:2:3").ends_with("'a' is no number"));
  CHECK(says("rate=1:inf:3").ends_with("'inf' is no number"));
  CHECK(says("rate=1:2:1").find("from 2 to 1000000") != std::string::npos);
  CHECK(says("rate=1:2:2.5").find("whole number") != std::string::npos);
  CHECK(says("rate=2:2:3").ends_with("it ends where it begins"));
  CHECK(says("rate=0:2:log:3").ends_with("both ends above 0"));
}

TEST_CASE("a named number takes the axis's values, a direction is of length 1 and goes from phi") {
  const Params phi({{"learning_rate", Tensor::scalar(0.5, DType::f64)},
                    {"settings.penalty", Tensor({2}, {3.0, 3.0})},
                    {"mixed", Tensor({2}, {1.0, 2.0})}});
  const Study study = study_of(phi);
  std::vector<metalearn::LandscapeAxis> placed;
  const Params base =
      place_axes(study, {parse_axis("penalty=0:1:2"), parse_axis("random=0:1:2")}, placed);
  CHECK(base.flat().to_vector() == std::vector<double>{0.5, 0, 0, 1, 2});
  REQUIRE(placed.size() == 2);
  CHECK(placed[0].direction.flat().to_vector() == std::vector<double>{0, 1, 1, 0, 0});
  CHECK(placed[1].direction.norm() == Approx(1).epsilon(1e-14));
  CHECK(placed[1].direction["mixed"].at(1) != 0);
  const auto says = [&](const char* axis) {
    return complaint([&] { place_axes(study, {parse_axis(axis)}, placed); });
  };
  CHECK(says("lerning_rate=0:1:2").ends_with("did you mean 'learning_rate'?"));
  CHECK(says("mixed=0:1:2").find("its 2 numbers differ") != std::string::npos);
}

TEST_CASE("along the gradient: the exact one's direction") {
  const auto optimizer =
      metalearn::tuned(metalearn::optimizer_by_name("momentum"), {{.name = "learning_rate"}});
  Study study = study_of(optimizer.phi(DType::f64));
  study.optimizer = optimizer;
  std::vector<metalearn::LandscapeAxis> placed;
  const Params base = place_axes(study, {parse_axis("gradient=0:1:2")}, placed);
  CHECK(identical(base, study.phi));
  CHECK(placed[0].direction.flat().at(0) == -1);  // a larger rate is better here
}
