// Derivatives of every kind, against values worked out by hand.
#include "support/catch.hpp"

#include <cmath>

#include "metatape/autodiff.hpp"

using namespace metatape;

TEST_CASE("Hessian, Hessian-vector and Jacobian-vector products of a cubic", "[gradients]") {
  // f = x0³ x1 + x1²: H = [[6 x0 x1, 3 x0²], [3 x0², 2]]
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {2.0, 3.0}));
  const Var f = pow(row(x, 0), 3) * row(x, 1) + square(row(x, 1));
  CHECK(grad(f, x).to_vector() == std::vector<double>{36, 14});
  CHECK(hessian(f, x).to_vector() == std::vector<double>{36, 12, 12, 2});
  CHECK(hessian_vector(f, x, Tensor({2}, {1.0, -1.0})).to_vector() == std::vector<double>{24, 10});
  const Var y = stack({row(x, 0) * row(x, 1), square(row(x, 0))});  // J = [[3, 2], [4, 0]]
  CHECK(jacobian(y, x).to_vector() == std::vector<double>{3, 2, 4, 0});
  CHECK(jacobian_vector(y, x, Tensor({2}, {1.0, 10.0})).to_vector() == std::vector<double>{23, 4});
  CHECK(vector_jacobian(y, {&x, 1}, Tensor({2}, {1.0, 10.0}))[0].to_vector() ==
        std::vector<double>{43, 2});
}

TEST_CASE("the pullback of several outputs in one sweep", "[gradients]") {
  // y0 = x0 x1, y1 = (x0², x1²), y2 = a part of x itself, y3 of no input:
  // Σ v dy = 2 (x1, x0) + (10 · 2 x0, 100 · 2 x1) + (0, 1000)
  Tape tape;
  const Var apart = tape.constant(Tensor({2}, {7.0, 8.0}));
  const Var x = tape.variable(Tensor({2}, {2.0, 3.0}));
  const Var squares = square(x);
  const Tensor v({2}, {10.0, 100.0});
  const std::vector<Cotangent> ys{{row(x, 0) * row(x, 1), Tensor({}, {2.0})},
                                  {squares, v},
                                  {row(x, 1), Tensor({}, {1000.0})},
                                  {apart, Tensor({2}, {5.0, 5.0})}};
  CHECK(vector_jacobian(ys, {&x, 1})[0].to_vector() == std::vector<double>{46, 1604});
  // Also with respect to what lies between, and where an output is the input.
  const std::vector<Var> of{squares, x};
  const std::vector<Tensor> d =
      vector_jacobian(std::array{Cotangent{sum(squares), Tensor({}, {3.0})}, Cotangent{x, v}}, of);
  CHECK(d[0].to_vector() == std::vector<double>{3, 3});
  CHECK(d[1].to_vector() == std::vector<double>{22, 118});
  CHECK(vector_jacobian(std::span<const Cotangent>(), {&x, 1})[0].to_vector() ==
        std::vector<double>{0, 0});
  // Cotangents that lie one after the other.
  const Tensor flat({4}, {2.0, 10.0, 100.0, 1000.0});
  const std::vector<Cotangent> parts{{ys[0].y, flat, 0}, {squares, flat, 1}, {ys[2].y, flat, 3}};
  CHECK(vector_jacobian(parts, {&x, 1})[0].to_vector() == std::vector<double>{46, 1604});
  REQUIRE_THROWS_WITH(vector_jacobian(std::array{Cotangent{ys[0].y, v}}, {&x, 1}),
                      "vector_jacobian: the cotangent is f64[2], needed is f64[]");
  REQUIRE_THROWS_WITH(vector_jacobian(std::array{Cotangent{squares, flat, 3}}, {&x, 1}),
                      "vector_jacobian: the cotangents are f64[4], needed are elements 3 to 5 of a "
                      "flat f64, for [2]");
}

TEST_CASE("third order by recording twice", "[gradients]") {
  Tape tape;
  const Var x = tape.variable(Tensor({}, {0.7}));
  const Var d1 = recorded_grad(sin(x), x), d2 = recorded_grad(d1, x), d3 = recorded_grad(d2, x);
  CHECK(d1.item() == Approx(std::cos(0.7)).epsilon(1e-14));
  CHECK(d2.item() == Approx(-std::sin(0.7)).epsilon(1e-14));
  CHECK(d3.item() == Approx(-std::cos(0.7)).epsilon(1e-14));
}

TEST_CASE("a linear loss has a zero Hessian", "[gradients]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {2.0, 3.0}));
  CHECK(hessian(sum(x * 3.0), x).to_vector() == std::vector<double>{0, 0, 0, 0});
}

TEST_CASE("grad_into overwrites what it is given", "[gradients]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {2.0, 3.0}));
  std::vector<Tensor> into{Tensor({2}, {9.0, 9.0})};
  grad_into(sum(square(x)), {&x, 1}, into);
  CHECK(into[0].to_vector() == std::vector<double>{4, 6});
  std::vector<Tensor> wrong{Tensor({3}, {9.0, 9.0, 9.0})};
  REQUIRE_THROWS_WITH(grad_into(sum(x), {&x, 1}, wrong),
                      "grad: the tensor to write is f64[3], needed is f64[2]");
}

TEST_CASE("bound Params: gradient, Hessian-vector product, and a step that is differentiated",
          "[gradients]") {
  const Params p({{"weight", Tensor({2}, {1.0, 2.0})}, {"bias", Tensor({}, {3.0})}});
  Tape tape;
  const Bound b = bind(tape, p);
  const auto loss = [](const Bound& q) { return sum(square(q["weight"])) * q["bias"]; };
  const Params g = grad(loss(b), b);
  CHECK(g["weight"].to_vector() == std::vector<double>{6, 12});
  CHECK(g["bias"].item() == Approx(5));
  const Bound r = recorded_grad(loss(b), b);
  CHECK(identical(r.value(), g));

  Params v = p.zeros_like();
  v.set("bias", Tensor({}, {1.0}));
  CHECK(hessian_vector(loss(b), b, v)["weight"].to_vector() == std::vector<double>{2, 4});

  // One step of gradient descent on the weight alone, and the gradient through it.
  const Bound inner = recorded_grad(loss(b), b);
  const Bound only(
      {std::make_shared<Layout>(std::vector<std::pair<std::string, Shape>>{{"weight", {2}}})},
      std::vector<Var>{inner["weight"]});
  const Bound adapted = b - 0.1 * only;
  CHECK(adapted["bias"].item() == Approx(3));
  CHECK(adapted["weight"].value().to_vector()[0] == Approx(0.4));
  // d/dw of b (1 - 0.2 b)² |w|² at b = 3: 2 b (1 - 0.2 b)² w
  CHECK(grad(loss(adapted), b)["weight"].to_vector()[0] == Approx(2 * 3 * 0.16));
  const Bound strange(
      {std::make_shared<Layout>(std::vector<std::pair<std::string, Shape>>{{"wight", {2}}})},
      std::vector<Var>{inner["weight"]});
  REQUIRE_THROWS_WITH(b - strange, "params: there is no 'wight'; there is weight, bias");
}

TEST_CASE("the buffer of bound Params and its tensors are one variable", "[gradients]") {
  const Params p({{"a", Tensor({2}, {1.0, 2.0})}, {"b", Tensor({1}, {3.0})}});
  Tape tape;
  const Bound b = bind(tape, p);
  const Var loss = sum(square(b.flat())) + sum(b["a"] * 10.0);
  CHECK(grad(loss, b).flat().to_vector() == std::vector<double>{12, 14, 6});
  CHECK(recorded_grad(loss, b).value().flat().to_vector() == std::vector<double>{12, 14, 6});
  CHECK(identical(b.value(), p));
}

TEST_CASE("nested names", "[gradients]") {
  const Params layer({{"weight", Tensor({1}, {2.0})}});
  const Params net = Params::join({layer.prefixed("first"), layer.prefixed("second")});
  Tape tape;
  const Bound b = bind(tape, net);
  const Var loss = sum(b.inside("first")["weight"] * 3.0 * b.inside("second")["weight"]);
  CHECK(grad(loss, b)["first.weight"].item() == Approx(6));
  CHECK(net.inside("second")["weight"].item() == Approx(2));
}

TEST_CASE("checkpoints forget their interior, and give the same gradients", "[gradients]") {
  const Tensor start = normal({50, 20}, Key{5}, DType::f64);
  const auto f = [](std::span<const Var> in) {
    Var h = in[0];
    for (int i = 0; i < 10; ++i) h = tanh(h * 1.1);
    return h;
  };
  Tape plain, forgetful;
  const Var x = plain.variable(start), y = forgetful.variable(start);
  const Var a = sum(square(f({&x, 1}))), b = sum(square(checkpoint(f, {y})));
  CHECK(identical(a.value(), b.value()));
  CHECK(identical(grad(a, x), grad(b, y)));
  CHECK(forgetful.memory().used < plain.memory().used / 4);
  const Tensor v = normal({50, 20}, Key{6}, DType::f64);
  const auto h1 = hessian_vector(a, x, v).to_vector(), h2 = hessian_vector(b, y, v).to_vector();
  for (std::size_t i = 0; i < h1.size(); ++i) CHECK(h1[i] == Approx(h2[i]).epsilon(1e-12));
}

TEST_CASE("a checkpoint may capture older Vars and nest", "[gradients]") {
  Tape tape;
  const Var x = tape.variable(Tensor({1}, {0.5})), w = tape.variable(Tensor({1}, {2.0}));
  const Var early = w * w;  // differentiable and captured
  const Var y = checkpoint(
      [&](std::span<const Var> in) {
        return checkpoint([&](std::span<const Var> deep) { return deep[0] * early; }, {in[0] * w}) +
               in[0];
      },
      {x});
  // y = x w³ + x
  const auto g = grad(sum(y), {x, w});
  CHECK(g[0].item() == Approx(9));
  CHECK(g[1].item() == Approx(6));
  const Var gw = recorded_grad(sum(y), w);
  CHECK(grad(sum(gw), w).item() == Approx(6));  // 6 x w
}

TEST_CASE("a known gradient is used, not looked for", "[gradients]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1.0, 2.0}));
  const Var loss = known_gradient(7, x * 2.0, Tensor({2}, {10.0, 20.0}));
  CHECK(loss.item() == 7);
  CHECK(grad(loss * 3.0, x).to_vector() == std::vector<double>{60, 120});
  CHECK(recorded_grad(loss * 3.0, x).value().to_vector() == std::vector<double>{60, 120});
  REQUIRE_THROWS_WITH(known_gradient(7, x, Tensor({1}, {1.0})),
                      "known_gradient: the gradient is [1], needed is [2]");
}

TEST_CASE("ops that are differentiable once say so by name", "[gradients]") {
  CustomOp once;
  once.name = "my_square";
  once.forward = [](std::span<const Tensor> in) { return in[0]; };
  once.pullback = [](std::span<const Tensor>, const Tensor&, const Tensor& g) {
    return std::vector{g};
  };
  Tape tape;
  const Var x = tape.variable(Tensor({1}, {1.0}));
  const Var y = sum(apply(once, {x}));
  CHECK(grad(y, x).item() == 1);
  REQUIRE_THROWS_WITH(recorded_grad(y, x), "my_square: this op is differentiable only once");
}

TEST_CASE("straight_through has y's value and x's gradient, of any order", "[gradients]") {
  Tape tape;
  const Var x = tape.variable(Tensor({3}, {-0.5, 0.25, 2.0}));
  const Var y = straight_through(square(x), sign(x));
  CHECK(y.value().to_vector() == std::vector<double>{-1, 1, 1});
  CHECK(grad(sum(y), x).to_vector() == std::vector<double>{-1, 0.5, 4});
  const Var recorded = recorded_grad(sum(y * 3.0), x);
  CHECK(recorded.value().to_vector() == std::vector<double>{-3, 1.5, 12});
  CHECK(grad(sum(recorded), x).to_vector() == std::vector<double>{6, 6, 6});
  // y's own path is cut
  const Var z = tape.variable(Tensor({3}, {1.0, 1.0, 1.0}));
  CHECK(grad(sum(straight_through(x, z * 2.0)), z).to_vector() == std::vector<double>{0, 0, 0});
  REQUIRE_THROWS_AS(straight_through(x, tape.variable(Tensor({1}, {1.0}))), ShapeError);
}
