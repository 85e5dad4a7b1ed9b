// var.hpp: a handle on one record of a tape.
// A Var is two words, which are passed in registers: copy it freely. It owns nothing: after its
// record was rewound or its tape died, any use is a TapeError, never a wild read.
#pragma once

#include <cstdint>
#include <span>

#include "metatape/autodiff/dtype.hpp"
#include "metatape/autodiff/shape.hpp"
#include "metatape/autodiff/tensor.hpp"

namespace metatape {

class Tape;

namespace detail {
struct TapeState;
struct TapeAnchor {  // outlives every tape, so a stale handle can always look here
  TapeState* state = nullptr;
  std::uint64_t stamps = 0;  // those that its next tape may give (state.hpp)
};
}  // namespace detail

class Var {
 public:
  Var() = default;  ///< refers to nothing; any use but valid() throws TapeError

  [[nodiscard]] const Shape& shape() const;
  [[nodiscard]] DType dtype() const;
  [[nodiscard]] std::int64_t size() const { return shape().size(); }

  /// The value, copied to an owning Tensor that outlives the tape.
  [[nodiscard]] Tensor value() const;
  /// The one element, widened. Throws ShapeError when there are more.
  [[nodiscard]] double item() const;
  /// The elements where they lie on the tape: valid until the record is rewound.
  template <Scalar T>
  [[nodiscard]] std::span<const T> values() const {
    return {static_cast<const T*>(data(dtype_of<T>)), static_cast<std::size_t>(size())};
  }

  /// True while the record stands.
  [[nodiscard]] bool valid() const noexcept;
  /// True when the value depends on a variable of the tape through recorded ops.
  [[nodiscard]] bool differentiable() const;
  [[nodiscard]] Tape& tape() const;

 private:
  friend struct detail::TapeState;
  [[nodiscard]] const void* data(DType dtype) const;

  detail::TapeAnchor* anchor_ = nullptr;
  std::uint64_t stamp_ = 0;
};

}  // namespace metatape
