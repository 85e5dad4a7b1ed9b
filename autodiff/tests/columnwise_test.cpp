// Layers over columns: the same as the layers over rows, and bits that do not depend on neighbours.
#include "metatape/autodiff.hpp"
#include "support/simd.hpp"

using namespace metatape;

namespace {

constexpr std::int64_t steps = 3, in = 2, hidden = 5;

struct Weights {
  Tensor ih, hh, bias;
};
Weights weights(DType dtype) {
  return {normal({4 * hidden, in}, Key{1}, dtype), normal({4 * hidden, hidden}, Key{2}, dtype),
          normal({4 * hidden}, Key{3}, dtype)};
}

struct Result {
  Tensor outputs, c, dx;
};
Result run(const Tensor& x, const Tensor& h, const Tensor& c) {
  const Weights w = weights(x.dtype());
  Tape tape;
  const Var input = tape.variable(x);
  const LstmOutput out =
      lstm_columns(input, {tape.constant(h), tape.constant(c)}, tape.constant(w.ih),
                   tape.constant(w.hh), tape.constant(w.bias));
  return {out.outputs.value(), out.last.c.value(), grad(sum(square(out.outputs)), input)};
}

Tensor columns(const Tensor& x, std::int64_t first, std::int64_t last) {
  Tape tape;
  return slice(tape.constant(x), -1, first, last).value();
}

}  // namespace

TEST_CASE("an LSTM over columns is one over rows, turned", "[columnwise]") {
  constexpr std::int64_t n = 71;
  const DType dtype = DType::f64;
  const Weights w = weights(dtype);
  Tape tape;
  const Var x = tape.constant(normal({steps, in, n}, Key{4}, dtype));
  const Var h = tape.constant(normal({hidden, n}, Key{5}, dtype));
  const Var c = tape.constant(normal({hidden, n}, Key{6}, dtype));
  const Var ih = tape.variable(w.ih), hh = tape.variable(w.hh), bias = tape.variable(w.bias);
  const LstmOutput by_column = lstm_columns(x, {h, c}, ih, hh, bias);
  const LstmOutput by_row = lstm(transpose(x), {transpose(h), transpose(c)}, ih, hh, bias);
  CHECK(difference(transpose(by_column.outputs).value().to_vector(),
                   by_row.outputs.value().to_vector()) < 1e-14);
  const auto gradients = [&](const LstmOutput& o) {
    std::vector<double> all;
    for (const Tensor& t : grad(sum(square(o.outputs)) + sum(o.last.c), {ih, hh, bias}))
      for (const double v : t.to_vector()) all.push_back(v);
    return all;
  };
  CHECK(difference(gradients(by_column), gradients(by_row)) < 1e-12);
}

TEST_CASE("a column's bits do not depend on the others", "[columnwise]") {
  constexpr std::int64_t n = 200;
  for (const DType dtype : {DType::f32, DType::f64})
    for_each_simd([&] {
      const Tensor x = normal({steps, in, n}, Key{4}, dtype),
                   h = normal({hidden, n}, Key{5}, dtype);
      const Tensor c = normal({hidden, n}, Key{6}, dtype);
      const Result whole = run(x, h, c);
      for (const auto& [first, last] :
           {std::pair<std::int64_t, std::int64_t>{0, 64}, {3, 4}, {60, 131}, {128, 200}}) {
        const Result part =
            run(columns(x, first, last), columns(h, first, last), columns(c, first, last));
        CHECK(identical(part.outputs, columns(whole.outputs, first, last)));
        CHECK(identical(part.c, columns(whole.c, first, last)));
        CHECK(identical(part.dx, columns(whole.dx, first, last)));
      }
    });
}

TEST_CASE("nothing is kept for a pullback that cannot come", "[columnwise]") {
  const Weights w = weights(DType::f32);
  const auto used = [&](Recording recording, bool variable) {
    Tape tape(recording);
    const Tensor zero = Tensor::zeros({hidden, 640});
    const Var ih = variable ? tape.variable(w.ih) : tape.constant(w.ih);
    const Var x = tape.constant(Tensor::zeros({steps, in, 640}));
    static_cast<void>(lstm_columns(x, {tape.constant(zero), tape.constant(zero)}, ih,
                                   tape.constant(w.hh), tape.constant(w.bias)));
    return tape.memory().used;
  };
  CHECK(used(Recording::off, true) == used(Recording::on, false));
  CHECK(used(Recording::on, true) > used(Recording::on, false) + steps * 5 * hidden * 640 * 4);
}
