#include "lstm_stack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/columnwise.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/init.hpp"

namespace metatape::metalearn::detail {

void LstmStack::add_weights(Named& to, double deviation, Key key, DType dtype) const {
  for (int l = 0; l < layers; ++l) {
    const std::int64_t from = l == 0 ? in : hidden;
    // One matrix of the paper: its fan-in is that of x and h together.
    const double spread =
        deviation > 0 ? deviation : 1 / std::sqrt(static_cast<double>(from + hidden));
    const Key at = key.split("layer", static_cast<std::uint64_t>(l));
    to.emplace_back(fmt::format("weight_ih_l{}", l),
                    nn::truncated_normal({4 * hidden, from}, at.split("x"), spread, dtype));
    to.emplace_back(fmt::format("weight_hh_l{}", l),
                    nn::truncated_normal({4 * hidden, hidden}, at.split("h"), spread, dtype));
    to.emplace_back(fmt::format("bias_l{}", l), Tensor::zeros({4 * hidden}, dtype));
  }
}

void LstmStack::add_state(Shapes& to, std::int64_t coordinates) const {
  for (int l = 0; l < layers; ++l)
    for (const char* part : {"h", "c"})
      to.emplace_back(fmt::format("{}{}", part, l), Shape{hidden, coordinates});
}

Params zero_state(Shapes shapes, const Params& theta) {
  return Params::zeros(std::make_shared<const Layout>(std::move(shapes)), theta.dtype());
}

Var LstmStack::run(const Bound& phi, Var x, const Bound& state, std::vector<Var>& after,
                   const std::function<Var(Var h)>& change) const {
  Tensor forget;
  if (forget_bias != 0 && layers > 0) {
    forget = Tensor::zeros({4 * hidden}, x.dtype());
    visit(x.dtype(), [&]<class T>(T) {
      std::fill_n(forget.mutable_values<T>().begin() + hidden, hidden, static_cast<T>(forget_bias));
    });
  }
  for (int l = 0; l < layers; ++l) {
    const std::string of = std::to_string(l);
    Var bias = phi["bias_l" + of];
    if (forget_bias != 0) bias = bias + forget;
    LstmOutput out = lstm_columns(x, {state["h" + of], state["c" + of]}, phi["weight_ih_l" + of],
                                  phi["weight_hh_l" + of], bias);
    x = out.outputs;
    if (change) {
      out.last.h = change(out.last.h);
      x = unsqueeze(out.last.h, 0);
    }
    after.push_back(out.last.h);
    after.push_back(out.last.c);
  }
  return x;
}

std::vector<Var> in_logs(Var x, double p) {
  const double least = std::exp(-p);
  const Var size = clamp(abs(x), least, std::numeric_limits<double>::infinity());
  return {log(size) * (1 / p), clamp(x * (1 / least), -1, 1)};
}

void require_logs(const char* optimizer, double p) {
  if (!(p > 0 && p <= 80))
    throw DataError(fmt::format("{}: p = {}: 0 to 80 is expected", optimizer, p));
}

void require_at_least(const char* optimizer, const char* what, double value, double least) {
  if (!(value >= least) || !std::isfinite(value))
    throw DataError(
        fmt::format("{}: {} = {}: {} or more is expected", optimizer, what, value, least));
}

}  // namespace metatape::metalearn::detail
