#include "metatape/metalearn/optimizers/by_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

// The rules of the program, and where each of their rates is kept.
template <class F>
void each_rule(F&& f) {
  f(Sgd{}, [](Sgd& r) { return std::vector{&r.learning_rate}; });
  f(Momentum{}, [](Momentum& r) { return std::vector{&r.learning_rate, &r.momentum}; });
  f(Nesterov{}, [](Nesterov& r) { return std::vector{&r.learning_rate, &r.momentum}; });
  f(RmsProp{}, [](RmsProp& r) { return std::vector{&r.learning_rate, &r.decay, &r.epsilon}; });
  f(Adagrad{}, [](Adagrad& r) { return std::vector{&r.learning_rate, &r.epsilon}; });
  f(Adam{}, [](Adam& r) { return std::vector{&r.learning_rate, &r.beta1, &r.beta2, &r.epsilon}; });
  f(AdamW{}, [](AdamW& r) {
    return std::vector{&r.learning_rate, &r.beta1, &r.beta2, &r.epsilon, &r.weight_decay};
  });
}

double number(std::string_view spec, std::string_view text, const Rate& rate) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw DataError(fmt::format("optimizer '{}': {} = '{}' is no number", spec, rate.name, text));
  if (!(value >= rate.least && value <= rate.most))
    throw DataError(fmt::format("optimizer '{}': {} = {}: {} expected", spec, rate.name, text,
                                rate.most > 1 ? fmt::format("{} or more", rate.least)
                                              : fmt::format("{} to {}", rate.least, rate.most)));
  return value;
}

}  // namespace

const std::vector<OptimizerInfo>& hand_crafted_optimizers() {
  static const std::vector<OptimizerInfo> all = [] {
    std::vector<OptimizerInfo> infos;
    each_rule([&](const auto& rule, auto) { infos.push_back({rule.rule_name, rule.rates()}); });
    return infos;
  }();
  return all;
}

AnyOptimizer optimizer_by_name(std::string_view spec) {
  const std::string_view name = spec.substr(0, spec.find(':'));
  std::string_view rest = name.size() < spec.size() ? spec.substr(name.size() + 1) : "";
  std::optional<AnyOptimizer> found;
  each_rule([&](auto rule, auto places) {
    if (name != rule.rule_name) return;
    const Rates rates = rule.rates();
    const std::vector<double*> values = places(rule);
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest = item.size() < rest.size() ? rest.substr(item.size() + 1) : "";
      const std::string_view key = item.substr(0, item.find('='));
      std::vector<std::string> names;
      for (const Rate& r : rates) names.emplace_back(r.name);
      const auto at = std::ranges::find(names, key);
      if (at == names.end())
        throw DataError(fmt::format("optimizer '{}': unknown key '{}'{}", spec, key,
                                    tasks::did_you_mean(key, names)));
      if (key.size() == item.size())
        throw DataError(fmt::format("optimizer '{}': '{}' has no value", spec, key));
      const auto i = static_cast<std::size_t>(at - names.begin());
      *values[i] = number(spec, item.substr(key.size() + 1), rates[i]);
    }
    found = AnyOptimizer(rule);
  });
  if (found) return *found;
  std::vector<std::string> names;
  for (const OptimizerInfo& info : hand_crafted_optimizers()) names.push_back(info.name);
  throw DataError(fmt::format("unknown optimizer '{}'{}", name, tasks::did_you_mean(name, names)));
}

}  // namespace metatape::metalearn
