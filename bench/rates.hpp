// rates.hpp: what the machine can do, measured here and now.
#pragma once

#include <cstdint>
#include <string>

#include <metatape/autodiff.hpp>

namespace bench {

/// Per second, of all threads together; each is the best of several short runs.
struct Rates {
  int threads = 1;
  metatape::DType dtype = metatape::DType::f32;
  std::string simd{};
  double multiply_add_f32 = 0, multiply_add_f64 = 0;  ///< operations, a multiply-add being two
  double cell = 0;           ///< values of sigmoid and tanh, in the cell of the coordinatewise LSTM
  double exp = 0, tanh = 0;  ///< values, of the ops of these names
  double product = 0;        ///< operations of a BLAS product, 512 x 512 x 512
  double l2 = 0, l3 = 0, memory = 0;  ///< bytes of a triad, which reads two numbers and writes one
  double l2_bytes = 0, l3_bytes = 0;  ///< a core's second cache; the third

  [[nodiscard]] double peak() const {
    return dtype == metatape::DType::f32 ? multiply_add_f32 : multiply_add_f64;
  }
  /// Of what is at hand together: the cache that holds it.
  [[nodiscard]] double bandwidth(double resident) const;
  /// "L2", "L3", "memory".
  [[nodiscard]] const char* level(double resident) const;
};

/// Takes one to two seconds.
Rates measured_rates(int threads, metatape::DType dtype);

}  // namespace bench
