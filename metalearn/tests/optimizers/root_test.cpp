// root_test.cpp: meta-gradients through optimizers that divide by a root of squares.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"

using namespace metatape;
using metalearn::AnyOptimizer;

// The second coordinate's gradients are exactly 0: it must neither move nor make the meta-gradient
// NaN, and the first's must be what it is alone.
TEST_CASE("A coordinate without gradient leaves the meta-gradient finite", "[optimizers]") {
  for (const char* spec : {"rmsprop:learning_rate=0.1", "adagrad:learning_rate=0.1",
                           "adam:learning_rate=0.1", "adamw:learning_rate=0.1"}) {
    CAPTURE(spec);
    const AnyOptimizer optimizer = metalearn::optimizer_by_name(spec);
    const auto rate_gradient = [&](std::int64_t coordinates) {
      Tape tape;
      const Bound phi = bind(tape, optimizer.phi(DType::f64));
      std::vector<double> start(static_cast<std::size_t>(coordinates), 0.0);
      start[0] = 1.5;
      const Params initial({{"x", Tensor({coordinates}, start)}});
      Bound theta = bind(tape, initial);
      Bound state = bind_constant(tape, optimizer.init_state(initial));
      for (int step = 0; step < 3; ++step) {
        const Bound gradient = 2.0 * theta;  // of Σ x²
        const auto out =
            optimizer.step(phi, {.theta = theta, .gradient = gradient, .step = step}, state);
        theta = theta + out.updates;
        state = out.state;
      }
      return grad(sum(square(theta.flat())), phi)["learning_rate"].item();
    };
    const double both = rate_gradient(2);
    CHECK(std::isfinite(both));
    CHECK(both == Approx(rate_gradient(1)).epsilon(1e-12));
  }
}
