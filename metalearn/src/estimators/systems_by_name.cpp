#include "metatape/metalearn/estimators/systems_by_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/metalearn/estimators/closed_systems.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

// "name:key=value,..." taken apart, its keys being those of `info`.
class Spec {
 public:
  Spec(std::string_view text, const SystemInfo& info) : text_(text) {
    const std::size_t colon = text.find(':');
    std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest = item.size() < rest.size() ? rest.substr(item.size() + 1) : "";
      const std::string_view key = item.substr(0, item.find('='));
      if (std::ranges::count(info.keys, key, &SystemInfo::Key::name) == 0) {
        std::vector<std::string> names;
        for (const SystemInfo::Key& k : info.keys) names.push_back(k.name);
        refuse(fmt::format("unknown key '{}'{}", key, tasks::did_you_mean(key, names)));
      }
      if (key.size() == item.size()) refuse(fmt::format("'{}' has no value", key));
      if (said(key)) refuse(fmt::format("'{}' is given twice", key));
      said_.emplace_back(key, item.substr(key.size() + 1));
    }
    for (const SystemInfo::Key& k : info.keys)
      if (!said(k.name)) said_.emplace_back(k.name, k.standard);
  }

  [[nodiscard]] std::string_view word(std::string_view key) const { return *said(key); }
  [[nodiscard]] double number(std::string_view key, double least, double most) const {
    const std::string_view value = word(key);
    double found = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), found);
    if (error != std::errc{} || end != value.data() + value.size())
      refuse(fmt::format("{} = '{}' is no number", key, value));
    if (!(found >= least && found <= most))
      refuse(fmt::format("{} = {}: {} to {} expected", key, value, least, most));
    return found;
  }
  [[nodiscard]] std::int64_t whole(std::string_view key, double least, double most) const {
    const double found = number(key, least, most);
    if (found != std::floor(found))
      refuse(fmt::format("{} = {} is no whole number", key, word(key)));
    return static_cast<std::int64_t>(found);
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw DataError(fmt::format("system '{}': {}", text_, why));
  }

 private:
  [[nodiscard]] std::optional<std::string_view> said(std::string_view key) const {
    for (const auto& [name, value] : said_)
      if (name == key) return value;
    return std::nullopt;
  }

  std::string_view text_;
  std::vector<std::pair<std::string_view, std::string_view>> said_;
};

NamedSystem always(Params phi, std::function<Dynamics(std::int64_t)> run) {
  return {std::move(phi), [run = std::move(run)](std::int64_t steps) -> System {
            return [made = run(steps)](const Params&, Key) { return made; };
          }};
}

NamedSystem influence_balancing(const Spec& spec) {
  InfluenceBalancing chain{.numbers = spec.whole("n", 2, 1e5)};
  chain.positive = spec.whole("positive", 0, static_cast<double>(chain.numbers));
  const double theta = spec.number("theta", -1e6, 1e6);
  const std::string_view start = spec.word("start");
  if (start != "ones" && start != "rest")
    spec.refuse(fmt::format("start = {}: ones or rest expected", start));
  return always(InfluenceBalancing::phi(theta), [=, at_rest = start == "rest"](std::int64_t steps) {
    return at_rest ? chain.run_at_rest(steps, theta) : chain.run(steps);
  });
}

NamedSystem pes_2d(const Spec& spec) {
  return always(PesTwoDimensional::phi(spec.number("first_rate", 1e-12, 1e6),
                                       spec.number("last_rate", 1e-12, 1e6)),
                &PesTwoDimensional::run);
}

NamedSystem noisy_quadratic(const Spec& spec) {
  const auto quadratic = tasks::NoisyQuadratic::harmonic(
      static_cast<int>(spec.whole("coordinates", 1, 1e5)), spec.number("noise", 0, 1e6));
  const double rate = spec.number("rate", 1e-12, 1e6);
  return always(Params({{"log_rate", Tensor({1}, {std::log(rate)})}}), [=](std::int64_t steps) {
    return noisy_quadratic_run(quadratic, steps,
                               [](const Bound& phi, std::int64_t) { return exp(phi[0]); });
  });
}

}  // namespace

const std::vector<SystemInfo>& systems_by_name() {
  static const std::vector<SystemInfo> all = {
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
  const std::string_view name = text.substr(0, text.find(':'));
  const auto& all = systems_by_name();
  const auto at = std::ranges::find(all, name, &SystemInfo::name);
  if (at == all.end()) {
    std::vector<std::string> names;
    std::string list;
    for (const SystemInfo& s : all) {
      names.push_back(s.name);
      list += (list.empty() ? "; one of " : ", ") + s.name;
    }
    const std::string near = tasks::did_you_mean(name, names);
    throw DataError(fmt::format("unknown system '{}'{}", name, near.empty() ? list : near));
  }
  const Spec spec(text, *at);
  if (name == "influence-balancing") return influence_balancing(spec);
  if (name == "pes-2d") return pes_2d(spec);
  return noisy_quadratic(spec);
}

}  // namespace metatape::metalearn
