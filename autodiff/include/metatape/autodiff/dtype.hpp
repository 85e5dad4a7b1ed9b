// dtype.hpp: the two kinds of numbers a tensor may hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace metatape {

/// float32 for work, float64 for checks and study. Ops refuse to mix them; `cast` converts.
enum class DType : std::uint8_t { f32, f64 };

/// "f32" or "f64".
constexpr const char* name(DType dtype) { return dtype == DType::f32 ? "f32" : "f64"; }

/// Bytes of one element.
constexpr std::size_t bytes(DType dtype) { return dtype == DType::f32 ? 4 : 8; }

template <class T>
concept Scalar = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// The DType of a C++ type: dtype_of<float> is f32.
template <Scalar T>
inline constexpr DType dtype_of = std::is_same_v<T, float> ? DType::f32 : DType::f64;

/// Calls f with a value of the C++ type that `dtype` names: `visit(d, [&]<class T>(T) {...})`.
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  return dtype == DType::f32 ? f(float{}) : f(double{});
}

}  // namespace metatape
