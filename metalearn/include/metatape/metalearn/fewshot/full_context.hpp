// full_context.hpp: embeddings in the context of the whole support set. Vinyals et al. (2016),
// section 2.1.2 and appendix A.
//   support: g_i = h→_i + h←_i + g'_i, hidden states of an LSTM each way over g' in the order given
//   query:   h_k = ĥ_k + f', r_k = Σ_i softmax_i(h_k · g_i) g_i,
//            ĥ_k, c_k = LSTM(f', [h_(k-1), r_(k-1)], c_(k-1)), k = 1 .. steps; f = h_steps
// h_0 and c_0 are zero, so r_0 is the mean of the support.
#pragma once

#include <cstdint>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape::metalearn {

struct FullContext {
  std::int64_t features = 64;  ///< of an embedding, and units of each LSTM
  int steps = 3;               ///< of processing a query
  /// More features would make 29 million weights, and more.
  static constexpr std::int64_t most_features = 1024;

  /// LSTMs "forward" and "backward" (see nn::Lstm), and "attention", whose inputs are [f', r]:
  /// 28 features² weights and 12 features biases. DataError when either field is below 1, or
  /// for more than most_features.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  /// [m, features] -> [m, features]. ShapeError for anything else.
  [[nodiscard]] Var support(const Bound& p, Var embedded) const;
  /// Queries [n, features], each by itself, with a support set that went through the above.
  [[nodiscard]] Var query(const Bound& p, Var support, Var embedded) const;
};

}  // namespace metatape::metalearn
