#include "metatape/metalearn/fewshot/full_context.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/nn/recurrent.hpp"

namespace metatape::metalearn {

namespace {

nn::Lstm reader(const FullContext& c) { return {.in = c.features, .hidden = c.features}; }
// [h, r] come to the LSTM's state in the paper; r as an input is the same sum with the same
// weights.
nn::Lstm attention(const FullContext& c) { return {.in = 2 * c.features, .hidden = c.features}; }

void require_embedded(const FullContext& c, const char* what, Var x) {
  if (x.shape().rank() != 2 || x.shape()[1] != c.features)
    throw ShapeError(fmt::format("full context: {} {}: [n, {}] is expected", what,
                                 to_string(x.shape()), c.features));
}

}  // namespace

Params FullContext::init(Key key, DType dtype) const {
  if (features < 1 || steps < 1)
    throw DataError(
        fmt::format("full context: features {}, steps {}: each at least 1", features, steps));
  if (features > most_features)
    throw DataError(fmt::format(
        "full context: embeddings of {} numbers would need {:.0f} million weights; at most {} "
        "numbers, such as 64 of conv4 with 64 filters, are expected",
        features, 28e-6 * static_cast<double>(features) * static_cast<double>(features),
        most_features));
  const auto part = [&](const nn::Lstm& lstm, const char* name) {
    return lstm.init(key.split(name), dtype).prefixed(name);
  };
  return Params::join({part(reader(*this), "forward"), part(reader(*this), "backward"),
                       part(attention(*this), "attention")});
}

Var FullContext::support(const Bound& p, Var embedded) const {
  require_embedded(*this, "support", embedded);
  const Var sequence = unsqueeze(embedded, 1);
  const Var there = reader(*this)(p.inside("forward"), sequence);
  const Var back = flip(reader(*this)(p.inside("backward"), flip(sequence, 0)), 0);
  return squeeze(there + back + sequence, 1);
}

Var FullContext::query(const Bound& p, Var support, Var embedded) const {
  require_embedded(*this, "support", support);
  require_embedded(*this, "queries", embedded);
  const nn::Lstm lstm = attention(*this);
  const Bound weights = p.inside("attention");
  const Var zero = embedded.tape().constant(Tensor::zeros(embedded.shape(), embedded.dtype()));
  LstmState state{zero, zero};
  for (int k = 0; k < steps; ++k) {
    const Var attended =
        matmul(softmax(matmul(state.h, support, Transpose::no, Transpose::yes)), support);
    const Var input = unsqueeze(concat({embedded, attended}, 1), 0);
    state = lstm.run(weights, input, {state}).last.front();
    state.h = state.h + embedded;
  }
  return state.h;
}

}  // namespace metatape::metalearn
