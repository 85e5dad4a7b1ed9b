// 07_your_own_op: an op of your own, as good as the library's, and checked the same way.
// The rules stand in one struct: value, fast pullback, recorded pullback (for second order).
#include <cmath>
#include <cstdio>
#include <metatape/autodiff.hpp>
#include <metatape/autodiff/rule.hpp>

using namespace metatape;

// y = x sigmoid(x) ("swish", Ramachandran et al. 2017)      dx += g (y + s (1 - y)), s = sigmoid(x)
struct Swish {
  static constexpr const char* name = "swish";

  template <Scalar T>
  static void forward(const Forward& c) {
    for (std::int64_t i = 0; i < c.size(); ++i) {
      const T x = c.input<T>(0)[i];
      c.output<T>()[i] = x / (1 + std::exp(-x));
    }
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    T* dx = c.adjoint<T>(0);
    for (std::int64_t i = 0; i < c.size(); ++i) {
      const T y = c.output<T>()[i], s = 1 / (1 + std::exp(-c.input<T>(0)[i]));
      dx[i] += c.gradient<T>()[i] * (y + s * (1 - y));
    }
  }
  static void recorded(const Recorded& c) {
    const Var y = c.output(), s = sigmoid(c.input(0));
    c.add(0, c.gradient() * (y + s * (1.0 - y)));
  }
};

Var swish(Var x) { return record<Swish>({x}, x.shape()); }

int main() {
  const std::vector<Tensor> points{normal({3, 5}, Key{1}, DType::f64)};
  const CheckResult r =
      check_gradients([](std::span<const Var> in) { return swish(in[0]); }, points);
  std::printf("first order %s, recorded %s, second order %s\n",
              r.first_order <= 1e-7 ? "right" : "wrong", r.recorded <= 1e-12 ? "right" : "wrong",
              r.second_order <= 1e-5 ? "right" : "wrong");
}
// prints: first order right, recorded right, second order right
