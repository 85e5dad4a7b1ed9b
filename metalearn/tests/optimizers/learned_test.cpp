// Learned optimizers: counts of weights, first weights, preprocessing at its hard points, the
// identity core, groups of parameters, specs and checkpoints.
#include <cmath>
#include <filesystem>
#include <limits>

#include "catch.hpp"
#include "metatape/metalearn.hpp"
#include "problems.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

std::filesystem::path scratch_file(const char* name) {
  return std::filesystem::temp_directory_path() / (std::string("metatape-learned-") + name);
}

// The update of each coordinate at the first step.
std::vector<double> first_update(const AnyOptimizer& o, const Tensor& gradient) {
  Params theta({{"x", Tensor::zeros(gradient.shape(), gradient.dtype())}});
  Params state = o.init_state(theta);
  o.update(theta, Params({{"x", gradient}}), state, 0);
  return theta.flat().to_vector();
}

}  // namespace

TEST_CASE("learned optimizers have the weights of their papers", "[optimizers]") {
  CHECK(LstmOptimizer{.input = GradientInput::raw}.phi(DType::f32).size() == 5061);
  CHECK(LstmOptimizer{}.phi(DType::f32).size() == 5141);
  CHECK(RnnProp{}.phi(DType::f32).size() == 6641);
  CHECK(LstmOptimizer{.groups = {"conv*"}}.phi(DType::f32).size() == 2 * 5141);
  const Params phi = LstmOptimizer{}.phi(DType::f64);
  CHECK(phi["weight_ih_l0"].shape() == Shape{80, 2});
  CHECK(phi["bias_l1"].to_vector() == std::vector<double>(80));
  const double deviation = 1 / std::sqrt(40.0);
  double square = 0;
  for (const double v : phi["weight_hh_l1"].to_vector()) {
    CHECK(std::abs(v) <= 2 * deviation);
    square += v * v;
  }
  // A normal cut at two deviations has 0.88 of the deviation.
  CHECK(std::sqrt(square / 1600) == Approx(0.88 * deviation).epsilon(0.06));
  CHECK(!identical(phi, LstmOptimizer{.key = Key{1}}.phi(DType::f64)));
  CHECK(identical(phi, LstmOptimizer{}.phi(DType::f64)));
}

TEST_CASE("zero weights leave theta where it is", "[optimizers]") {
  for (const AnyOptimizer& learned : {AnyOptimizer(LstmOptimizer{}), AnyOptimizer(RnnProp{})}) {
    const AnyOptimizer o = learned.with_phi(learned.phi().zeros_like());
    const auto f = problems::net(Key{1}, DType::f32);
    const Minimised run = minimise(f, o, {.steps = 5});
    CHECK(identical(run.params, f.initial));
  }
}

TEST_CASE("the log input is the paper's at its hard points", "[optimizers]") {
  // The identity core shows the input: one weight of 1 at a time.
  const double e10 = std::exp(-10.0), infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> g{0, e10, -e10, 1, -1, e10 / 2, -e10 / 4, 1e-30, 1e30};
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor gradient =
        Tensor({static_cast<std::int64_t>(g.size())}, std::span<const double>(g)).to(dtype);
    const LstmOptimizer core{.layers = 0, .scale = 1};
    const auto seen = [&](std::initializer_list<float> weight) {
      const AnyOptimizer o = AnyOptimizer(core).with_phi(
          Params({{"output.weight", Tensor({1, 2}, weight)}, {"output.bias", Tensor::zeros({1})}}));
      return first_update(o, gradient);
    };
    const std::vector<double> size = seen({1, 0}), sign = seen({0, 1});
    const std::vector<double> sizes{-1, -1, -1, 0, 0, -1, -1, -1, std::log(1e30) / 10};
    const std::vector<double> signs{0, 1, -1, 1, -1, 0.5, -0.25, 1e-30 / e10, 1};
    for (std::size_t i = 0; i < g.size(); ++i) {
      CHECK(size[i] == Approx(sizes[i]).margin(1e-6));
      CHECK(sign[i] == Approx(signs[i]).margin(1e-6));
    }
  }
  const AnyOptimizer o = LstmOptimizer{};
  const std::vector<double> odd =
      first_update(o, Tensor({4}, {infinity, -infinity, std::nan(""), 0.0}));
  CHECK(std::isnan(odd[2]));     // not hidden: the run is reported as diverged
  CHECK(std::isfinite(odd[3]));  // and nobody else is touched
}

TEST_CASE("no layers: SGD with a learned rate, and it learns", "[optimizers]") {
  const AnyOptimizer o = LstmOptimizer{.layers = 0, .input = GradientInput::raw, .scale = 0.5};
  const AnyOptimizer fixed = o.with_phi(
      Params({{"output.weight", Tensor({1, 1}, {-.2f})}, {"output.bias", Tensor({1}, {.01f})}}));
  const std::vector<double> moved = first_update(fixed, Tensor({2}, {3.0f, -1.0f}));
  CHECK(moved[0] == Approx(.5 * (-.2 * 3 + .01)));
  CHECK(moved[1] == Approx(.5 * (.2 + .01)));

  // The released tests' requirement: f(x) = x² from 1, 500 runs of 100 steps, windows of 20, from
  // zero weights, Adam 1e-2: the last loss is below 1e-5.
  const auto parabola = tasks::optimizee(Params({{"x", Tensor({}, {1.0f})}}),
                                         [](const Bound& p, Key) { return square(p["x"]); });
  const AnyOptimizer learner = LstmOptimizer{.layers = 0, .input = GradientInput::raw, .scale = 1};
  Trainer trainer(unroll_objective(parabola, learner, {.steps = 100, .window = 20}),
                  learner.phi().zeros_like(), {.optimizer = Adam{.learning_rate = 1e-2}}, Key{1});
  StepReport last;
  metalearn::run(trainer, {.steps = 2500, .report = [&](const StepReport& r) { last = r; }});
  CHECK(last.measures[0].first == "final");
  CHECK(last.measures[0].second < 1e-5);
  CHECK(minimise(parabola, learner.with_phi(trainer.phi()), {.steps = 100}).losses.back() < 1e-5);
}

TEST_CASE("groups of parameters have nets of their own", "[optimizers]") {
  const LstmOptimizer two{.hidden = 3, .groups = {"*.bias"}};
  CHECK(two.group("hidden.bias") == 0);
  CHECK(two.group("out.weight") == 1);
  CHECK(LstmOptimizer{.groups = {"a*c*", "*"}}.group("abcd") == 0);
  CHECK(LstmOptimizer{.groups = {"a*c*", "*"}}.group("abd") == 1);
  const Params phi = two.phi(DType::f64);
  // The net of the biases alone is zero: only they stay.
  Params quiet = phi;
  for (const ParamEntry& e : phi.entries())
    if (e.name.starts_with("group0.")) quiet.set(e.name, Tensor::zeros(e.shape, DType::f64));
  const auto f = problems::net(Key{1}, DType::f64);
  const Minimised run = minimise(f, AnyOptimizer(two).with_phi(quiet), {.steps = 3});
  for (const ParamEntry& e : f.initial.entries())
    CHECK(identical(run.params[e.name], f.initial[e.name]) == e.name.ends_with(".bias"));
}

TEST_CASE("learned optimizers are made from their specs", "[optimizers]") {
  for (const std::string spec :
       {"lstm:layers=1,hidden=7,input=raw,p=9.5,scale=1,forget_bias=0,global=0",
        "lstm:layers=2,hidden=20,input=log,p=10,scale=0.1,forget_bias=1,global=3",
        "lstm:layers=2,hidden=20,input=log,p=10,scale=0.1,forget_bias=1,global=0,groups=conv*|*.b",
        "rnnprop:layers=2,hidden=20,alpha=0.1,beta=0.95,epsilon=1e-08,forget_bias=1",
        "adam:learning_rate=0.001,beta1=0.9,beta2=0.999,epsilon=1e-08"})
    CHECK(optimizer_by_name(spec).spec() == spec);
  CHECK(optimizer_by_name("lstm").phi().size() == 5141);
  CHECK(identical(optimizer_by_name("lstm:seed=5").phi(),
                  LstmOptimizer{.key = Key{5}}.phi(DType::f32)));
  REQUIRE_THROWS_WITH(optimizer_by_name("lstm:hiden=3"),
                      "optimizer 'lstm:hiden=3': unknown key 'hiden'; did you mean 'hidden'?");
  REQUIRE_THROWS_WITH(optimizer_by_name("lstm:input=sign"),
                      "optimizer 'lstm:input=sign': input = sign: raw or log expected");
  REQUIRE_THROWS_WITH(optimizer_by_name("lstm:hidden=2.5"),
                      "optimizer 'lstm:hidden=2.5': hidden = 2.5 is no whole number");
  REQUIRE_THROWS_WITH(optimizer_by_name("lstm:hidden=0"),
                      "optimizer 'lstm:hidden=0': hidden = 0: 1 to 100000 expected");
  REQUIRE_THROWS_AS(optimizer_by_name("lstm:global=30"), DataError);
  REQUIRE_THROWS_AS(optimizer_by_name("lstmm"), DataError);
}

TEST_CASE("a saved optimizer goes the same way, bit for bit", "[optimizers]") {
  const auto path = scratch_file("saved.safetensors");
  const auto f = problems::net(Key{1}, DType::f32);
  for (const AnyOptimizer& o :
       {AnyOptimizer(LstmOptimizer{.hidden = 4, .scale = 0.3, .forget_bias = 0, .key = Key{9}}),
        AnyOptimizer(LstmOptimizer{.hidden = 4, .groups = {"*.bias"}}),
        AnyOptimizer(RnnProp{.hidden = 4}), AnyOptimizer(Adam{.learning_rate = 0.07})}) {
    Params phi = o.phi();
    phi.scale(0.999);
    save_optimizer(path, o, phi, {{"note", "of mine"}});
    const AnyOptimizer loaded = load_optimizer(path);
    CHECK(loaded.spec() == o.spec());
    const Minimised before = minimise(f, o.with_phi(phi), {.steps = 8});
    const Minimised after = minimise(f, loaded, {.steps = 8});
    CHECK(before.losses == after.losses);
    CHECK(identical(before.params, after.params));
  }
  std::filesystem::remove(path);

  nn::Checkpoint c =
      optimizer_checkpoint(LstmOptimizer{.hidden = 4}, LstmOptimizer{.hidden = 4}.phi(DType::f32));
  c.metadata["optimizer"] = "lstm:hidden=5";
  REQUIRE_THROWS_AS(optimizer_of(c, "file"), DataError);
  c.metadata["optimizer"] = "oracle";
  REQUIRE_THROWS_WITH(optimizer_of(c, "file"), "file: unknown optimizer 'oracle'");
  c.metadata.erase("optimizer");
  REQUIRE_THROWS_WITH(optimizer_of(c, "file"),
                      "file: no 'optimizer' in its metadata: not an optimizer's checkpoint");
  REQUIRE_THROWS_AS(AnyOptimizer(LstmOptimizer{}).with_phi(RnnProp{}.phi(DType::f32)), ShapeError);
}
