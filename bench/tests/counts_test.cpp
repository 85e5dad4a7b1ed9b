// What a step needs is counted as README.md quotes it, and by hand where it quotes nothing.
#include "support/catch.hpp"

#include <metatape/nn.hpp>

#include "counts.hpp"
#include "workloads.hpp"

using namespace bench;
using metatape::DType;

namespace {

constexpr Machine taps{.winograd = false};

}  // namespace

TEST_CASE("the GFLOP of README.md", "[counts]") {
  struct Row {
    const char* workload;
    double gflop;
  };
  for (const Row& row : {Row{"W1", 9.578},
                         {"W2", 0.758},
                         {"W3", 10.007},
                         {"W4b", 23.195},
                         {"W4c1", 20.875},
                         {"W4c5", 34.792},
                         {"W6", 13.388}}) {
    INFO(row.workload);
    const double found = find_workload(row.workload, DType::f32).counts.flop * 1e-9;
    CHECK(std::abs(found - row.gflop) <= 0.0005);
  }
  for (const char* workload : {"W4a5", "W4a20"}) {
    const double images = std::string(workload) == "W4a5" ? 80 : 400;
    CHECK(find_workload(workload, DType::f32).counts.flop == 57987072 * images);
  }
}

TEST_CASE("an image's FLOP are those that the network itself tells", "[counts]") {
  const Episode one{.way = 1, .shot = 1, .queries = 0};
  CHECK(counts_of(Conv4{}, one, taps).flop == metatape::nn::conv4().flop());
  CHECK(counts_of(Conv4{.side = 20, .filters = 7}, one, taps).flop ==
        metatape::nn::conv4({.size = 20, .filters = 7}).flop());
}

TEST_CASE("one coordinate, one unit, one step, by hand", "[counts]") {
  const Window window{.layers = 1, .hidden = 1, .steps = 1};
  const Counts c = counts_of(window, Quadratics{.functions = 1, .dim = 1}, taps);
  // Gates 4 x (2 + 1) weights, forward and for their gradients; back to h 4; the output 3 times.
  // The quadratic's product and its pullback, at θ_0 and θ_1. A multiply-add counts twice.
  CHECK(c.flop == 2 * (12 + 12 + 4 + 3) + 2 * 2 * 2);
  CHECK(c.least_flop == c.flop);
  CHECK(c.transcendentals == 5 + 1);  // gates and tanh c; log |g|
  CHECK(c.bytes == 4 * (2 * 2 + 2));  // h and c read and written; the gradient written and read
  CHECK(c.resident == 4 * (2 + 1));

  const Counts exact =
      counts_of(Window{.exact = true, .layers = 1, .hidden = 1, .steps = 1}, Mlp{}, taps);
  const Counts first = counts_of(window, Mlp{}, taps);
  const double evaluation = 2.0 * 128 * (2 * (784 * 20 + 20 * 10) + 20 * 10);
  CHECK(exact.flop - first.flop == 2 * evaluation + 2.0 * 4 * 2 * 15910);
}

TEST_CASE("by Winograd there are fewer multiplications, and never more", "[counts]") {
  const Episode one{.way = 1, .shot = 1, .queries = 0};
  const Counts c = counts_of(Conv4{}, one, Machine{.winograd = true});
  // Tiles of 2 x 2 pixels: 196, 49, 16 and 4.
  CHECK(c.least_flop == 2.0 * 16 * 64 * (2 * 196 + 64 * 3 * (49 + 16 + 4)));
  CHECK(counts_of(Conv4{}, one, taps).least_flop == c.flop);
  // Of a single pixel the tile has more.
  const Conv4 point{.side = 1, .filters = 16, .blocks = 1};
  CHECK(counts_of(point, one, Machine{.winograd = true}).least_flop == 2 * 2 * 9 * 16);
}

TEST_CASE("bytes are of the type's width, and grow with what is kept", "[counts]") {
  const Machine wide{.dtype = DType::f64, .winograd = false};
  CHECK(counts_of(Conv4{}, Episode{}, wide).bytes == 2 * counts_of(Conv4{}, Episode{}, taps).bytes);
  CHECK(counts_of(PlainLstm{}, wide).resident == 2 * counts_of(PlainLstm{}, taps).resident);
  const Window w;
  const Counts first = counts_of(w, Mlp{}, taps);
  const Counts exact = counts_of(Window{.exact = true}, Mlp{}, taps);
  CHECK(exact.resident > 19 * first.resident);
  CHECK(counts_of(Conv4{}, Adaptation{}, taps).parallel == 4);
}

TEST_CASE("what a window keeps", "[counts]") {
  CHECK(window_kept({.steps = 1000}, 15910, taps) == 4.0 * 15910 * (1000 + 3 * 80));
}

TEST_CASE("a spec names sizes that exist", "[spec]") {
  CHECK(find_workload("W1:steps=40:width=3", DType::f32).counts.flop ==
        counts_of(Window{.steps = 40}, Mlp{.width = 3}, this_machine(DType::f32)).flop);
  CHECK(find_workload("W4a:way=20:shot=5", DType::f32).counts.bytes ==
        find_workload("W4a20", DType::f32).counts.bytes);
  const auto refused = [](const std::string& spec) {
    try {
      find_workload(spec, DType::f32);
    } catch (const metatape::DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused("W1:step=3") ==
        "--workload W1:step=3: W1 has no size 'step'; it has layers, "
        "hidden, steps, width");
  CHECK(refused("W6:steps=3") ==
        "--workload W6:steps=3: W6 has no size 'steps'; it has none to be set");
  for (const char* spec : {"W1:steps=0", "W1:steps", "W1:steps=", "W1:=3", "W1:steps=3x", "W1:"}) {
    INFO(spec);
    CHECK(refused(spec).find("is not SIZE=NUMBER, a whole number of at least 1") !=
          std::string::npos);
  }
  CHECK(refused("W9").starts_with("--workload W9: not one of W1, W2, W3, W4a5"));
}
