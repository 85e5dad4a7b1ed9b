// embedding.hpp: a learned vector for each word of a table.
#pragma once

#include "metatape/autodiff/indices.hpp"
#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// positions of any shape -> [positions..., width]. Parameters: weight [words, width].
/// It reads Indices, not a Var: it stands at the beginning of a net.
struct Embedding {
  std::int64_t words = 0;
  std::int64_t width = 0;
  Initialiser weight_init{};  ///< none: PyTorch's, normal of deviation 1

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  /// DataError names the first position outside [0, words).
  Var operator()(const Bound& p, const Indices& positions, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
