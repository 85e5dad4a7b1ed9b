// Convolutions and pools against numbers worked out by hand, and against the plain sum.
#include "support/catch.hpp"

#include <cmath>

#include "metatape/autodiff.hpp"

using namespace metatape;

namespace {

// The definition, tap by tap.
std::vector<double> by_definition(const Tensor& x, const Tensor& w, const Conv2dOptions& o) {
  const Shape &sx = x.shape(), &sw = w.shape();
  const auto extent = [&](int axis) {
    const auto i = static_cast<std::size_t>(axis);
    return (sx[1 + axis] + 2 * o.padding[i] - o.dilation[i] * (sw[2 + axis] - 1) - 1) /
               o.stride[i] +
           1;
  };
  const std::int64_t oh = extent(0), ow = extent(1), per = sw[0] / o.groups;
  std::vector<double> y;
  for (std::int64_t n = 0; n < sx[0]; ++n)
    for (std::int64_t r = 0; r < oh; ++r)
      for (std::int64_t q = 0; q < ow; ++q)
        for (std::int64_t f = 0; f < sw[0]; ++f) {
          double sum = 0;
          for (std::int64_t c = 0; c < sw[1]; ++c)
            for (std::int64_t i = 0; i < sw[2]; ++i)
              for (std::int64_t j = 0; j < sw[3]; ++j) {
                const std::int64_t yy = r * o.stride[0] - o.padding[0] + i * o.dilation[0];
                const std::int64_t xx = q * o.stride[1] - o.padding[1] + j * o.dilation[1];
                if (yy < 0 || yy >= sx[1] || xx < 0 || xx >= sx[2]) continue;
                sum += x.at(((n * sx[1] + yy) * sx[2] + xx) * sx[3] + f / per * sw[1] + c) *
                       w.at(((f * sw[1] + c) * sw[2] + i) * sw[3] + j);
              }
          y.push_back(sum);
        }
  return y;
}

}  // namespace

TEST_CASE("conv2d is the sum over taps, on every path", "[convolution]") {
  struct Case {
    Shape x, w;
    Conv2dOptions options;
  };
  const Case cases[] = {{{2, 5, 4, 3}, {5, 3, 3, 2}, {}},
                        {{1, 7, 7, 1}, {64, 1, 3, 3}, {.padding = {1, 1}}},
                        {{2, 5, 6, 64}, {64, 64, 3, 3}, {.padding = {1, 1}}},
                        {{1, 3, 13, 19}, {33, 19, 3, 3}, {.padding = {1, 1}}},
                        {{2, 6, 5, 4},
                         {6, 2, 3, 3},
                         {.stride = {2, 1}, .padding = {0, 2}, .dilation = {1, 2}, .groups = 2}},
                        {{2, 3, 3, 7}, {5, 7, 1, 1}, {}}};
  for (const Case& c : cases) {
    const Tensor x = normal(c.x, Key{3}, DType::f64), w = normal(c.w, Key{4}, DType::f64);
    const std::vector<double> expected = by_definition(x, w, c.options);
    for (const DType type : {DType::f64, DType::f32}) {
      Tape tape;
      const std::vector<double> found =
          conv2d(tape.constant(x.to(type)), tape.constant(w.to(type)), c.options)
              .value()
              .to_vector();
      REQUIRE(found.size() == expected.size());
      double worst = 0;
      for (std::size_t i = 0; i < found.size(); ++i)
        worst = std::max(worst, std::abs(found[i] - expected[i]));
      CHECK(worst < (type == DType::f64 ? 1e-12 : 1e-4));
    }
  }
}

TEST_CASE("a step of a convolution net has the same bits on any number of threads",
          "[convolution]") {
  const auto gradients = [](int count) {
    Threads threads(count);
    Tape tape({.threads = &threads});
    const Var x = tape.variable(normal({19, 7, 7, 16}, Key{1}));
    const Var w = tape.variable(normal({33, 16, 3, 3}, Key{2}));
    const Var gamma = tape.variable(normal({33}, Key{3})),
              beta = tape.variable(normal({33}, Key{4}));
    const Var y = conv2d(x, w, {.padding = {1, 1}});
    const Var loss = sum(square(max_pool2d(relu(batch_norm(y, gamma, beta))))) +
                     sum(square(batch_norm_relu_pool(y, gamma, beta))) +
                     sum(square(batch_norm_relu(y, gamma, beta)));
    std::vector<Tensor> all = grad(loss, {x, w, gamma, beta});
    Var along;  // and through the gradient, as MAML goes
    for (const Var& g : recorded_grad(loss, {x, w, gamma, beta}))
      along = along.valid() ? along + sum(square(g)) : sum(square(g));
    for (Tensor& g : grad(along, {x, w, gamma, beta})) all.push_back(std::move(g));
    return all;
  };
  const std::vector<Tensor> one = gradients(1);
  for (const int count : {2, 3})
    for (std::size_t i = 0; const Tensor& g : gradients(count)) CHECK(identical(g, one[i++]));
}

TEST_CASE("moments that a convolution leaves are those of its value", "[convolution]") {
  struct Case {
    Shape x, w;
    Conv2dOptions options;
  };
  // Blocks of rows that are parts of images, whole ones and several; all loops of a convolution.
  const Case cases[] = {{{3, 28, 27, 1}, {64, 1, 3, 3}, {.padding = {1, 1}}},
                        {{9, 14, 13, 64}, {64, 64, 3, 3}, {.padding = {1, 1}}},
                        {{5, 9, 9, 16}, {33, 16, 3, 3}, {.stride = {2, 2}, .padding = {1, 1}}},
                        {{40, 7, 7, 5}, {300, 5, 3, 3}, {}},
                        {{7, 5, 5, 4}, {6, 4, 1, 1}, {}}};
  for (const Case& c : cases)
    for (const DType type : {DType::f32, DType::f64})
      for (const Recording recording : {Recording::on, Recording::off})
        for (const int count : {1, 2, 3}) {
          Threads threads(count);
          Tape tape({.recording = recording, .threads = &threads});
          const Var y = conv2d(tape.variable(normal(c.x, Key{1}, type)),
                               tape.variable(normal(c.w, Key{2}, type)), c.options);
          const Var copy = tape.variable(y.value());
          const Var gamma = tape.variable(normal({c.w[0]}, Key{3}, type));
          const Var beta = tape.variable(normal({c.w[0]}, Key{4}, type));
          CAPTURE(c.x, type, count);
          const BatchStatistics left = batch_statistics(y), own = batch_statistics(copy);
          CHECK(identical(left.mean.value(), own.mean.value()));
          CHECK(identical(left.variance.value(), own.variance.value()));
          CHECK(
              identical(batch_norm(y, gamma, beta).value(), batch_norm(copy, gamma, beta).value()));
          CHECK(identical(batch_norm_relu_pool(y, gamma, beta).value(),
                          batch_norm_relu_pool(copy, gamma, beta).value()));
        }
}

TEST_CASE("max_pool2d sends the gradient to the first of equals", "[pooling]") {
  Tape tape;
  const Var x = tape.variable(Tensor({1, 2, 2, 1}, {2.0, 5.0, 5.0, 1.0}));
  const Var y = max_pool2d(x);
  CHECK(y.shape() == Shape{1, 1, 1, 1});
  CHECK(y.item() == 5);
  CHECK(grad(y, x).to_vector() == std::vector<double>{0, 1, 0, 0});
}

TEST_CASE("pools leave out what reaches past the border, and padding counts for nothing",
          "[pooling]") {
  Tape tape;
  const Var x =
      tape.variable(Tensor({1, 3, 3, 1}, {-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0}));
  CHECK(max_pool2d(x).value().to_vector() == std::vector<double>{-1});
  CHECK(average_pool2d(x).value().to_vector() == std::vector<double>{-3});
  const Pool2dOptions padded{.padding = {1, 1}};
  CHECK(max_pool2d(x, padded).value().to_vector() == std::vector<double>{-1, -2, -4, -5});
  CHECK(average_pool2d(x, padded).value().to_vector() == std::vector<double>{-1, -2.5, -5.5, -7});
  CHECK(global_max_pool2d(x).value().to_vector() == std::vector<double>{-1});
  CHECK(global_average_pool2d(x).item() == Approx(-5));
  CHECK(global_average_pool2d(x).shape() == Shape{1, 1});
}
