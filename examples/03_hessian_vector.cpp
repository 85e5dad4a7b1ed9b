// 03_hessian_vector: second order without a Hessian, and the conjugate gradients that live on it.
// Newton's step for f(x) = x'Ax / 2 - b'x is found from products H v alone.
#include <cstdio>
#include <metatape/autodiff.hpp>

using namespace metatape;

int main() {
  const Tensor a({2, 2}, {4.0, 1.0, 1.0, 3.0}), b({2}, {1.0, 2.0});
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {0.0, 0.0}));
  const Var f = 0.5 * sum(x * matmul(a, x)) - sum(x * b);

  // Conjugate gradients on H d = -grad f.
  const auto dot_of = [](const Tensor& u, const Tensor& v) {
    return u.at(0) * v.at(0) + u.at(1) * v.at(1);
  };
  const auto along = [](const Tensor& u, double s, const Tensor& v) {
    return Tensor({2}, {u.at(0) + s * v.at(0), u.at(1) + s * v.at(1)});
  };
  Tensor d({2}, {0.0, 0.0});
  Tensor r = along(d, -1, grad(f, x)), p = r;
  for (int i = 0; i < 2; ++i) {
    const Tensor hp = hessian_vector(f, x, p);
    const double rate = dot_of(r, r) / dot_of(p, hp);
    const Tensor next = along(r, -rate, hp);
    d = along(d, rate, p);
    p = along(next, dot_of(next, next) / dot_of(r, r), p);
    r = next;
  }
  std::printf("Newton's step (%.6f, %.6f), exact (%.6f, %.6f)\n", d.at(0), d.at(1), 1.0 / 11,
              7.0 / 11);
}
// prints: Newton's step (0.090909, 0.636364), exact (0.090909, 0.636364)
