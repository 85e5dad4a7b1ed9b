// sequential.hpp: modules and plain functions one after the other.
//
//   auto net = nn::sequential(nn::Linear{.in = 784, .out = 20}, relu, nn::Dropout{.p = 0.1},
//                             nn::Linear{.in = 20, .out = 10});
//
// Names are the positions, functions counted, as PyTorch's: "0.weight", "0.bias", "3.weight", ...
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "metatape/nn/module.hpp"

namespace metatape::nn {

template <class... Parts>
class Sequential {
 public:
  explicit Sequential(Parts... parts) : parts_(std::move(parts)...) {}

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const {
    return joined([&](const auto& part, const std::string& name) {
      return part.init(key.split(name), dtype);
    });
  }
  [[nodiscard]] Params init_statistics(DType dtype = DType::f32) const {
    return joined(
        [&](const auto& part, const std::string&) { return nn::init_statistics(part, dtype); });
  }
  [[nodiscard]] Applied apply(const Bound& p, Var x, const Mode& mode = {}) const {
    Applied all{x, {}};
    each([&](const auto& part, const std::string& name) {
      if constexpr (Module<std::decay_t<decltype(part)>>) {
        Applied one = nn::apply(part, p.inside(name), all.output, mode.inside(name));
        all.output = one.output;
        all.statistics.add(name, one.statistics);
      } else {
        all.output = part(all.output);
      }
    });
    return all;
  }
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const {
    return apply(p, x, mode).output;
  }

 private:
  template <class F>
  void each(const F& f) const {
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      (f(std::get<i>(parts_), std::to_string(i)), ...);
    }
    (std::index_sequence_for<Parts...>{});
  }
  template <class F>
  [[nodiscard]] Params joined(const F& of) const {
    std::vector<Params> all;
    each([&](const auto& part, const std::string& name) {
      if constexpr (Module<std::decay_t<decltype(part)>>)
        all.push_back(of(part, name).prefixed(name));
    });
    return Params::join(all);
  }

  std::tuple<Parts...> parts_;
};

/// Parts are modules or functions Var -> Var (relu, a lambda).
template <class... Parts>
Sequential<Parts...> sequential(Parts... parts) {
  static_assert(((Module<Parts> || std::is_invocable_r_v<Var, const Parts&, Var>)&&...),
                "sequential: a part is a module, or a function from Var to Var");
  return Sequential<Parts...>(std::move(parts)...);
}

}  // namespace metatape::nn
