#include "metatape/metalearn/estimators/systems_by_name.hpp"

#include <cmath>
#include <utility>

#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/metalearn/estimators/closed_systems.hpp"

namespace metatape::metalearn {

namespace {

using tasks::SpecValues;

NamedSystem always(Params phi, std::function<Dynamics(std::int64_t)> run) {
  return {std::move(phi), [run = std::move(run)](std::int64_t steps) -> System {
            return [made = run(steps)](const Params&, Key) { return made; };
          }};
}

NamedSystem influence_balancing(const SpecValues& spec) {
  InfluenceBalancing chain{.numbers = spec.whole("n", 2, 100000)};
  chain.positive = spec.whole("positive", 0, static_cast<int>(chain.numbers));
  const double theta = spec.number("theta", -1e6, 1e6);
  const bool rest = spec.chosen("start", {"ones", "rest"}) == 1;
  return always(InfluenceBalancing::phi(theta), [=](std::int64_t steps) {
    return rest ? chain.run_at_rest(steps, theta) : chain.run(steps);
  });
}

NamedSystem pes_2d(const SpecValues& spec) {
  return always(PesTwoDimensional::phi(spec.number("first_rate", 1e-12, 1e6),
                                       spec.number("last_rate", 1e-12, 1e6)),
                &PesTwoDimensional::run);
}

NamedSystem noisy_quadratic(const SpecValues& spec) {
  const auto quadratic = tasks::NoisyQuadratic::harmonic(spec.whole("coordinates", 1, 100000),
                                                         spec.number("noise", 0, 1e6));
  const double rate = spec.number("rate", 1e-12, 1e6);
  return always(Params({{"log_rate", Tensor({1}, {std::log(rate)})}}), [=](std::int64_t steps) {
    return noisy_quadratic_run(quadratic, steps,
                               [](const Bound& phi, std::int64_t) { return exp(phi[0]); });
  });
}

}  // namespace

const std::vector<tasks::SpecInfo>& systems_by_name() {
  static const std::vector<tasks::SpecInfo> all = {
      {"influence-balancing",
       "a chain of which short windows see the wrong sign; by theta",
       {{"n", "23", "numbers in the chain"},
        {"positive", "10", "of them told theta, the others -theta"},
        {"theta", "0.5", "where it is looked at"},
        {"start", "ones", "ones; rest: begins at rest, and the last loss alone counts"}}},
      {"pes-2d",
       "the two-dimensional test of PES; by the logarithms of a first and a last rate",
       {{"first_rate", "0.01", "above 0"}, {"last_rate", "0.01", "above 0"}}},
      {"noisy-quadratic",
       "expected loss of gradient descent on a noisy quadratic; by the logarithm of its rate",
       {{"coordinates", "100", "of curvature 1, 1/2, 1/3, ..."},
        {"noise", "0.1", "covariance of the gradient / curvature"},
        {"rate", "0.1", "above 0"}}},
  };
  return all;
}

NamedSystem system_by_name(std::string_view text) {
  std::vector<std::string> names;
  for (const tasks::SpecInfo& s : systems_by_name()) names.push_back(s.name);
  const tasks::SpecInfo& info = systems_by_name()[tasks::place_of("system", text, names)];
  const SpecValues spec("system", info, text);
  if (info.name == "influence-balancing") return influence_balancing(spec);
  if (info.name == "pes-2d") return pes_2d(spec);
  return noisy_quadratic(spec);
}

}  // namespace metatape::metalearn
