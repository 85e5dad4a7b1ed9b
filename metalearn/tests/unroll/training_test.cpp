// Training by windows: carry and reset, lengths of runs, resume, threads, divergence, imitation;
// and that it learns.
#include <cmath>
#include <set>

#include "catch.hpp"
#include "metatape/metalearn.hpp"
#include "problems.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// A family: fresh quadratics by key.
struct Family {
  int functions = 4;
  std::string name() const { return "quadratics"; }
  tasks::OptimizeeInstance sample(Key key, DType dtype) const {
    return problems::quadratics(functions, 3, key, dtype);
  }
};

const LstmOptimizer small{.hidden = 5, .input = GradientInput::raw};

Trainer trainer(const UnrollTraining& options, int batch, Threads* threads = nullptr) {
  return {unroll_objective(Family{}, small, options),
          small.phi(DType::f32),
          {.optimizer = Adam{.learning_rate = 3e-3}, .batch = batch, .clip = 1},
          Key{7},
          threads};
}

double at_step(const Trainer& t) {
  return t.carries()[0].empty() ? -1 : t.carries()[0]["run"].at(8);
}

}  // namespace

TEST_CASE("a run's windows follow each other, and then a new one begins", "[unroll]") {
  Trainer t = trainer({.steps = 10, .window = 4}, 1);
  std::vector<double> at;
  std::vector<Tensor> keys;
  for (int i = 0; i < 6; ++i) {
    t.step();
    at.push_back(at_step(t));
    if (at.back() == 4) keys.push_back(t.carries()[0]["run"].window(0, {8}));
  }
  CHECK(at == std::vector<double>{4, 8, -1, 4, 8, -1});
  CHECK(!identical(keys[0], keys[1]));
}

TEST_CASE("the first window of a run is an unroll of its instance", "[unroll]") {
  Trainer t = trainer({.steps = 10, .window = 4}, 1);
  const Key key = Key{7}.split("step", 0).split(0);
  const Params phi = small.phi(DType::f32);
  const auto f = Family{}.sample(key.split("instance"), DType::f32);
  const Unrolled expected = unroll(f, small, phi, start_of(f, small, phi, key), key, {.steps = 4});
  const StepReport r = t.step();
  CHECK(r.loss == expected.loss);
  CHECK(r.gradient_norm == expected.gradient.norm());
  CHECK(r.measures ==
        Measures{{"final", expected.losses.back()}, {"diverged", 0}, {"imitated", 0}});
}

TEST_CASE("lengths of runs are drawn, and grow with the curriculum", "[unroll]") {
  const MetaObjective o = unroll_objective(
      Family{}, small,
      {.steps = 40, .window = 1, .shortest = 2, .curriculum = {{30, 9}, {60, 20}}});
  Tape tape;
  std::set<double> early, middle, late;
  for (int i = 0; i < 40; ++i) {
    const auto length = [&](std::int64_t step) {
      return o
          .step(tape, small.phi(DType::f32), {},
                {.key = Key{static_cast<std::uint64_t>(i)}, .step = step})
          .carry["run"]
          .at(9);
    };
    early.insert(length(0));
    middle.insert(length(30));
    late.insert(length(1000));
  }
  CHECK(*early.begin() >= 2);
  CHECK(*early.rbegin() > 20);
  CHECK(*early.rbegin() <= 40);
  CHECK(*middle.begin() == 2);
  CHECK(*middle.rbegin() == 9);
  CHECK(*late.rbegin() > 9);
  CHECK(*late.rbegin() <= 20);
  REQUIRE_THROWS_AS(unroll_objective(Family{}, small, {.steps = 5, .shortest = 6}), DataError);
  REQUIRE_THROWS_AS(unroll_objective(Family{}, small, {.window = 0}), DataError);
  REQUIRE_THROWS_AS(unroll_objective(Family{}, small, {.curriculum = {{9, 5}, {9, 7}}}), DataError);
  REQUIRE_THROWS_AS(unroll_objective(Family{}, small, {.imitation = 1.5}), DataError);
}

TEST_CASE("meta-training resumes and runs on threads with the same bits", "[unroll]") {
  const UnrollTraining options{.steps = 10,
                               .window = 3,
                               .shortest = 4,
                               .imitation = 0.4,
                               .teacher = Adam{.learning_rate = 0.05}};
  Trainer whole = trainer(options, 5);
  run(whole, {.steps = 12});
  const std::string bytes = nn::to_safetensors(whole.checkpoint());
  for (const int n : {1, 2, 3}) {
    Threads threads(n);
    for (const int stop : {1, 6}) {
      Trainer before = trainer(options, 5, &threads);
      run(before, {.steps = stop});
      const nn::Checkpoint saved = nn::from_safetensors(nn::to_safetensors(before.checkpoint()));
      Trainer after = trainer(options, 5, &threads);
      after.restore(saved, "saved");
      run(after, {.steps = 12});
      CHECK(nn::to_safetensors(after.checkpoint()) == bytes);
    }
  }
}

TEST_CASE("a run that diverges adds nothing and is given up", "[unroll]") {
  const AnyOptimizer o = LstmOptimizer{.layers = 0, .input = GradientInput::raw, .scale = 1};
  const auto steep = tasks::optimizee(Params({{"x", Tensor({}, {1.0f})}}), [](const Bound& p, Key) {
    return square(square(p["x"])) * 1e6;
  });
  Params phi = o.phi();
  phi.set("output.weight", Tensor({1, 1}, {1.0f}));
  Trainer t(unroll_objective(steep, o, {.steps = 100, .window = 20}), phi,
            {.optimizer = Sgd{.learning_rate = 1}}, Key{1});
  const StepReport r = t.step();
  CHECK(std::isfinite(r.loss));
  CHECK(r.gradient_norm == 0);
  CHECK(r.measures[1] == std::pair<std::string, double>{"diverged", 1});
  CHECK(t.carries()[0].empty());
  CHECK(identical(t.phi(), phi));
}

TEST_CASE("imitation follows the teacher's run and its gradient is exact", "[unroll]") {
  const auto f = problems::net(Key{2}, DType::f64);
  const AnyOptimizer teacher = Adam{.learning_rate = 0.05};
  for (const AnyOptimizer& o : {AnyOptimizer(LstmOptimizer{.hidden = 4}),
                                AnyOptimizer(LstmOptimizer{.hidden = 4, .global = 1})}) {
    const Params phi = o.phi(DType::f64);
    UnrollScratch scratch;
    const auto at = [&](const Params& numbers) {
      Params state = teacher.init_state(f.initial);
      return imitate(f, o, numbers, teacher, start_of(f, o, phi, Key{}), state, Key{}, 4, scratch);
    };
    const Unrolled r = at(phi);
    const Params direction(phi.layout(), normal({phi.size()}, Key{8}, DType::f64));
    const auto loss = [&](double h) {
      Params moved = phi;
      moved.add_scaled(h, direction);
      return at(moved).loss;
    };
    const double h = 1e-5;
    const double numeric = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
    CHECK(r.gradient.dot(direction) == Approx(numeric).epsilon(1e-7));
    const Minimised alone = minimise(f, teacher, {.steps = 4});
    CHECK(identical(r.end.theta, alone.params));
  }
  // Whoever imitates itself has nothing to learn.
  UnrollScratch scratch;
  Params state = teacher.init_state(f.initial);
  const Params rates = teacher.phi(DType::f64);
  const Unrolled same = imitate(f, teacher, rates, teacher, start_of(f, teacher, rates, Key{}),
                                state, Key{}, 4, scratch);
  CHECK(same.loss < 1e-30);
}

TEST_CASE("an LSTM optimizer learns to minimise quadratics", "[unroll]") {
  Trainer t = trainer({.steps = 20, .window = 10}, 4);
  const auto score = [&](const Params& phi) {
    double sum = 0;
    for (std::uint64_t i = 0; i < 8; ++i)
      sum += minimise(Family{16}, AnyOptimizer(small).with_phi(phi),
                      {.steps = 20, .key = Key{1000 + i}})
                 .losses.back();
    return sum / 8;
  };
  const double before = score(t.phi());
  run(t, {.steps = 300});
  CHECK(score(t.phi()) < 0.5 * before);
}
