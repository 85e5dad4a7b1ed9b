#include "metatape/metalearn/optimizers/by_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/metalearn/optimizers/lstm.hpp"
#include "metatape/metalearn/optimizers/rnnprop.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

using Setter = std::function<void(const std::string& value)>;

// "name:key=value,..." taken apart; each value goes to its key's setter.
class Spec {
 public:
  explicit Spec(std::string_view text) : text_(text), name_(text.substr(0, text.find(':'))) {}
  [[nodiscard]] std::string_view name() const { return name_; }

  void read(const std::vector<std::pair<std::string, Setter>>& keys) const {
    std::string_view rest = name_.size() < text_.size() ? text_.substr(name_.size() + 1) : "";
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest = item.size() < rest.size() ? rest.substr(item.size() + 1) : "";
      const std::string_view key = item.substr(0, item.find('='));
      const auto at = std::ranges::find(keys, key, &std::pair<std::string, Setter>::first);
      if (at == keys.end()) {
        std::vector<std::string> names;
        for (const auto& k : keys) names.push_back(k.first);
        throw DataError(fmt::format("optimizer '{}': unknown key '{}'{}", text_, key,
                                    tasks::did_you_mean(key, names)));
      }
      if (key.size() == item.size())
        throw DataError(fmt::format("optimizer '{}': '{}' has no value", text_, key));
      at->second(std::string(item.substr(key.size() + 1)));
    }
  }

  // The number that `value` spells, within [least, most].
  [[nodiscard]] double number(const char* key, const std::string& value, double least,
                              double most) const {
    double found = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), found);
    if (error != std::errc{} || end != value.data() + value.size())
      throw DataError(fmt::format("optimizer '{}': {} = '{}' is no number", text_, key, value));
    if (!(found >= least && found <= most))
      throw DataError(fmt::format(
          "optimizer '{}': {} = {}: {} expected", text_, key, value,
          most > 1e6 ? fmt::format("{} or more", least) : fmt::format("{} to {}", least, most)));
    return found;
  }
  [[nodiscard]] int whole(const char* key, const std::string& value, int least, int most) const {
    const double found = number(key, value, least, most);
    if (found != std::floor(found))
      throw DataError(fmt::format("optimizer '{}': {} = {} is no whole number", text_, key, value));
    return static_cast<int>(found);
  }
  [[noreturn]] void refuse(const char* key, const std::string& value, const char* expected) const {
    throw DataError(
        fmt::format("optimizer '{}': {} = {}: {} expected", text_, key, value, expected));
  }

 private:
  std::string_view text_, name_;
};

constexpr double any = 1e300;

// ---- hand-crafted: the rules of the program, and where each of their rates is kept
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

std::optional<AnyOptimizer> hand_crafted(const Spec& spec) {
  std::optional<AnyOptimizer> found;
  each_rule([&](auto rule, auto places) {
    if (spec.name() != rule.rule_name) return;
    const Rates rates = rule.rates();
    const std::vector<double*> values = places(rule);
    std::vector<std::pair<std::string, Setter>> keys;
    for (std::size_t i = 0; i < rates.size(); ++i)
      keys.emplace_back(rates[i].name, [&spec, rate = rates[i], to = values[i]](const auto& text) {
        *to = spec.number(rate.name, text, rate.least, rate.most);
      });
    spec.read(keys);
    found = AnyOptimizer(rule);
  });
  return found;
}

// ---- learned: with their first weights
constexpr int widest = 100000, deepest = 100;

// The setters that both kinds have; `o` must outlive them.
template <class O>
std::vector<std::pair<std::string, Setter>> shared_keys(const Spec& spec, O& o, int least_layers) {
  return {
      {"layers", [&, least_layers](
                     const auto& t) { o.layers = spec.whole("layers", t, least_layers, deepest); }},
      {"hidden", [&](const auto& t) { o.hidden = spec.whole("hidden", t, 1, widest); }},
      {"forget_bias",
       [&](const auto& t) { o.forget_bias = spec.number("forget_bias", t, -any, any); }},
      {"seed", [&](const auto& t) {
         std::uint64_t seed = 0;
         const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), seed);
         if (error != std::errc{} || end != t.data() + t.size())
           spec.refuse("seed", t, "a whole number");
         o.key = Key{seed};
       }}};
}

AnyOptimizer lstm(const Spec& spec) {
  LstmOptimizer o;
  auto keys = shared_keys(spec, o, 0);
  keys.emplace_back("input", [&](const std::string& t) {
    if (t != "raw" && t != "log") spec.refuse("input", t, "raw or log");
    o.input = t == "raw" ? GradientInput::raw : GradientInput::log;
  });
  keys.emplace_back("p", [&](const auto& t) { o.p = spec.number("p", t, 0.1, 80); });
  keys.emplace_back("scale", [&](const auto& t) { o.scale = spec.number("scale", t, -any, any); });
  keys.emplace_back("global",
                    [&](const auto& t) { o.global = spec.whole("global", t, 0, widest); });
  keys.emplace_back("groups", [&](const std::string& t) {
    o.groups.clear();
    for (std::size_t from = 0; from <= t.size();) {
      const std::size_t bar = std::min(t.find('|', from), t.size());
      if (bar == from) spec.refuse("groups", t, "patterns with | between them");
      o.groups.push_back(t.substr(from, bar - from));
      from = bar + 1;
    }
  });
  spec.read(keys);
  if (o.global > o.hidden) spec.refuse("global", std::to_string(o.global), "at most hidden units");
  if (o.global > 0 && !o.groups.empty())
    spec.refuse("global", std::to_string(o.global), "0 where there are groups");
  return o;
}

AnyOptimizer rnnprop(const Spec& spec) {
  RnnProp o;
  auto keys = shared_keys(spec, o, 1);
  keys.emplace_back("alpha", [&](const auto& t) { o.alpha = spec.number("alpha", t, -any, any); });
  keys.emplace_back("beta", [&](const auto& t) { o.beta = spec.number("beta", t, 0, 0.9999999); });
  keys.emplace_back("epsilon",
                    [&](const auto& t) { o.epsilon = spec.number("epsilon", t, 1e-15, any); });
  spec.read(keys);
  return o;
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

std::vector<std::string> learned_optimizers() { return {LstmOptimizer{}.spec(), RnnProp{}.spec()}; }

AnyOptimizer optimizer_by_name(std::string_view text) {
  const Spec spec(text);
  if (const auto found = hand_crafted(spec)) return *found;
  if (spec.name() == LstmOptimizer::kind) return lstm(spec);
  if (spec.name() == RnnProp::kind) return rnnprop(spec);
  std::vector<std::string> names;
  for (const OptimizerInfo& info : hand_crafted_optimizers()) names.push_back(info.name);
  names.insert(names.end(), {LstmOptimizer::kind, RnnProp::kind});
  throw DataError(fmt::format("unknown optimizer '{}'{}", spec.name(),
                              tasks::did_you_mean(spec.name(), names)));
}

}  // namespace metatape::metalearn
