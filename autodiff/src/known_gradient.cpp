// known_gradient.cpp: a loss whose gradient is already known.
// The optimizee ran on a scratch tape that is gone; all that the outer tape keeps is the number
// f(x) and the tensor ∇f(x). Going back is one axpy. Second order stops here.
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace {

// y = f            dx += g ∇f
struct KnownGradient {
  struct Attributes {
    double value;
    const void* gradient;  // of the tensor that the tape keeps
  };
  static constexpr const char* name = "known_gradient";

  template <Scalar T>
  static void forward(const Forward& c) {
    *c.output<T>() = static_cast<T>(c.attributes<Attributes>().value);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T* known = static_cast<const T*>(c.attributes<Attributes>().gradient);
    const T lambda = *c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0, n = c.input_size(0); i < n; ++i) d[i] += lambda * known[i];
  }
  static void recorded(const Recorded& c) {
    // The kept tensor lives as long as this record, which is older than what is made here.
    const void* known = c.attributes<Attributes>().gradient;
    c.add(0, visit(c.dtype(), [&]<class T>(T) {
            const std::span<const T> values(static_cast<const T*>(known),
                                            static_cast<std::size_t>(c.input_size(0)));
            return c.gradient() * Tensor(c.input_shape(0), values);
          }));
  }
};

}  // namespace

Var known_gradient(double value, Var x, const Tensor& gradient) {
  if (gradient.shape() != x.shape())
    throw ShapeError("known_gradient: the gradient is " + to_string(gradient.shape()) +
                     ", needed is " + to_string(x.shape()));
  if (gradient.dtype() != x.dtype())
    throw DTypeError(std::string("known_gradient: ") + name(gradient.dtype()) + " and " +
                     name(x.dtype()) + " do not mix");
  return record<KnownGradient>({x}, Shape{}, {value, gradient.data()}, Tensor(gradient));
}

}  // namespace metatape
