// An LSTM on the register tile against plain loops in float64: two steps there and back, over
// batches and widths that cut tiles and blocks of units at every place.
#include "kernels/lstm.hpp"

#include "kernels/recurrent_twin.hpp"
#include "kernels/tiles.hpp"
#include "support/simd.hpp"

using namespace metatape;

namespace {

struct Problem {
  std::int64_t batch, in, hidden;
  bool bias;

  [[nodiscard]] std::int64_t state() const { return batch * hidden; }
  [[nodiscard]] std::vector<float> x() const { return noise(1, 2 * batch * in); }
  [[nodiscard]] std::vector<float> h() const { return noise(2, state()); }
  [[nodiscard]] std::vector<float> c() const { return noise(3, state()); }
  [[nodiscard]] std::vector<float> w_ih() const { return noise(4, 4 * hidden * in); }
  [[nodiscard]] std::vector<float> w_hh() const { return noise(5, 4 * hidden * hidden); }
  [[nodiscard]] std::vector<float> b() const { return noise(6, 4 * hidden); }
  [[nodiscard]] std::vector<float> g() const { return noise(7, 2 * state()); }
  [[nodiscard]] std::vector<float> dc() const { return noise(8, state()); }
};

struct Answer {
  std::vector<float> h, c;                      // of both steps
  std::vector<float> dx, dc, dh, ih, hh, bias;  // gradients
};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// y [m, n] += a b, each turned or not.
void add_product(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, bool a_turned,
                 const double* b, bool b_turned, double* y) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < k; ++l)
        y[i * n + j] += a[a_turned ? l * m + i : i * k + l] * b[b_turned ? j * k + l : l * n + j];
}

std::vector<double> wide(const std::vector<float>& x) { return {x.begin(), x.end()}; }
std::vector<float> narrow(const std::vector<double>& x) {
  std::vector<float> y;
  for (const double v : x) y.push_back(static_cast<float>(v));
  return y;
}

Answer plain(const Problem& p) {
  const std::int64_t n = p.state(), columns = 4 * p.hidden;
  const auto x = wide(p.x()), h0 = wide(p.h()), c0 = wide(p.c()), g = wide(p.g()), b = wide(p.b());
  const auto w_ih = wide(p.w_ih()), w_hh = wide(p.w_hh());
  std::vector<double> h(at(2 * n)), c = h, gates(at(8 * n)), dz = gates, dx(x.size()), dh(at(n));
  std::vector<double> ih(w_ih.size()), hh(w_hh.size()), bias(b.size());
  auto dc = wide(p.dc());
  for (std::int64_t t = 0; t < 2; ++t) {
    double* z = gates.data() + t * 4 * n;
    const double* before = t == 0 ? h0.data() : h.data();
    add_product(p.batch, columns, p.in, x.data() + t * p.batch * p.in, false, w_ih.data(), true, z);
    add_product(p.batch, columns, p.hidden, before, false, w_hh.data(), true, z);
    kernel::twin::lstm_step(p.batch, p.hidden, p.bias ? b.data() : nullptr,
                            t == 0 ? c0.data() : c.data(), z, c.data() + t * n, h.data() + t * n);
  }
  for (std::int64_t t = 2; t-- > 0;) {
    double* z = dz.data() + t * 4 * n;
    const double *before = t == 0 ? h0.data() : h.data(), *of_x = x.data() + t * p.batch * p.in;
    kernel::twin::lstm_step_pullback(p.batch, p.hidden, std::as_const(gates).data() + t * 4 * n,
                                     t == 0 ? c0.data() : std::as_const(c).data(),
                                     std::as_const(c).data() + t * n, g.data() + t * n,
                                     t == 1 ? nullptr : std::as_const(dh).data(), dc.data(), z);
    std::fill(dh.begin(), dh.end(), 0.0);
    add_product(p.batch, p.hidden, columns, z, false, w_hh.data(), false, dh.data());
    add_product(p.batch, p.in, columns, z, false, w_ih.data(), false,
                dx.data() + t * p.batch * p.in);
    add_product(columns, p.in, p.batch, z, true, of_x, false, ih.data());
    add_product(columns, p.hidden, p.batch, z, true, before, false, hh.data());
    for (std::int64_t i = 0; i < 4 * n; ++i) bias[at(i % columns)] += z[i];
  }
  return {narrow(h),  narrow(c),  narrow(dx), narrow(dc),
          narrow(dh), narrow(ih), narrow(hh), narrow(bias)};
}

// The same by the kernels; rows and units in parts of `rows` and of one block or panel.
Answer tiled(const Problem& p, std::int64_t tall) {
  const std::int64_t n = p.state(), columns = kernel::lstm_columns(p.hidden);
  const std::int64_t width = kernel::lstm_panel(), depth = p.in + p.hidden + 1;
  const auto x = p.x(), h0 = p.h(), c0 = p.c(), g = p.g();
  const auto room = [](std::int64_t size) { return std::vector<float>(at(size), 7.0f); };
  auto packed = room(depth * columns), turned_hh = room(kernel::packed_size(columns, p.hidden));
  auto turned_ih = room(kernel::packed_size(columns, p.in)), gates = room(2 * p.batch * columns);
  auto dz = room(2 * p.batch * columns), sums = packed;
  Answer a{room(2 * n), room(2 * n), room(2 * p.batch * p.in), p.dc(), room(n), p.w_ih(),
           p.w_hh(),    p.b()};
  const auto b = p.b();
  kernel::pack_lstm(p.in, p.hidden, p.w_ih().data(), p.w_hh().data(), p.bias ? b.data() : nullptr,
                    packed.data());
  kernel::pack_lstm_turned(p.hidden, p.hidden, p.w_hh().data(), turned_hh.data());
  kernel::pack_lstm_turned(p.hidden, p.in, p.w_ih().data(), turned_ih.data());
  const auto for_rows = [&](const auto& f) {
    for (std::int64_t r = 0; r < p.batch; r += tall)
      f(kernel::LstmRows{p.batch, r, std::min(p.batch, r + tall)});
  };
  for (std::int64_t t = 0; t < 2; ++t)
    for_rows([&](const kernel::LstmRows& rows) {
      for (std::int64_t u = 0; u < columns / 4 / kernel::lstm_block(); ++u)
        kernel::lstm_tile_step(
            p.in, p.hidden, rows, u, u + 1, packed.data(), x.data() + t * p.batch * p.in,
            t == 0 ? h0.data() : a.h.data(), t == 0 ? c0.data() : a.c.data(),
            gates.data() + t * p.batch * columns, a.c.data() + t * n, a.h.data() + t * n);
    });
  const std::int64_t capacity = 2 * p.batch;
  for (std::int64_t t = 2; t-- > 0;)
    for_rows([&](const kernel::LstmRows& rows) {
      for (std::int64_t j = 0; j < p.hidden; j += width)
        kernel::lstm_tile_step_pullback(p.hidden, rows, j, turned_hh.data(),
                                        {t == 1 ? nullptr : dz.data() + p.batch * width, capacity},
                                        gates.data() + t * p.batch * columns,
                                        t == 0 ? c0.data() : a.c.data(), a.c.data() + t * n,
                                        g.data() + t * n, a.dc.data(),
                                        {dz.data() + t * p.batch * width, capacity});
    });
  kernel::lstm_multiply(p.batch, p.hidden, p.hidden, {dz.data(), capacity}, turned_hh.data(),
                        a.dh.data(), false);
  kernel::lstm_multiply(2 * p.batch, p.in, p.hidden, {dz.data(), capacity}, turned_ih.data(),
                        a.dx.data(), false);
  for (std::int64_t q = 0; q < columns / width; ++q) {
    const float* panel = dz.data() + q * capacity * width;
    float* to = sums.data() + q * depth * width;
    const std::int64_t cut = p.in / 2;
    kernel::lstm_weight_gradient(capacity, p.in, 0, cut, x.data(), panel, to, false);
    kernel::lstm_weight_gradient(capacity, p.in, cut, p.in, x.data(), panel, to, false);
    to += p.in * width;
    kernel::lstm_weight_gradient(p.batch, p.hidden, 0, p.hidden, h0.data(), panel, to, false);
    kernel::lstm_weight_gradient(p.batch, p.hidden, 0, p.hidden, a.h.data(),
                                 panel + p.batch * width, to, true);
    kernel::lstm_weight_gradient(capacity, 1, 0, 1, nullptr, panel, to + p.hidden * width, false);
  }
  // Two are overwritten, one is added to.
  kernel::unpack_lstm(p.in, p.hidden, sums.data(),
                      {a.ih.data(), a.hh.data(), a.bias.data(), false, true, false});
  const auto w_hh = p.w_hh();
  for (std::size_t i = 0; i < a.hh.size(); ++i) a.hh[i] -= w_hh[i];
  return a;
}

}  // namespace

TEST_CASE("an LSTM on tiles is its plain loops", "[kernels]") {
  for (const auto& [batch, in] :
       {std::array<std::int64_t, 2>{1, 1}, {2, 0}, {5, 3}, {6, 7}, {13, 2}, {12, 17}})
    for (const std::int64_t hidden : {1, 3, 8, 15, 16, 17, 31, 64, 67})
      for (const bool bias : {false, true}) {
        INFO(batch << " x " << in << " to " << hidden << ", bias " << bias);
        const Problem p{batch, in, hidden, bias};
        const Answer expected = plain(p);
        for_each_simd([&] {
          if (kernel::simd() == kernel::Simd::plain) return;
          const Answer found = tiled(p, p.batch);
          REQUIRE(difference(found.h, expected.h) < 1e-5);
          REQUIRE(difference(found.c, expected.c) < 1e-5);
          REQUIRE(difference(found.dx, expected.dx) < 1e-5);
          REQUIRE(difference(found.dc, expected.dc) < 1e-5);
          REQUIRE(difference(found.dh, expected.dh) < 1e-5);
          REQUIRE(difference(found.ih, expected.ih) < 1e-5);
          REQUIRE(difference(found.hh, expected.hh) < 1e-5);
          REQUIRE(difference(found.bias, expected.bias) < 1e-5);
          const Answer cut = tiled(p, 4);
          REQUIRE(same_bits(found.h, cut.h));
          REQUIRE(same_bits(found.dx, cut.dx));
          REQUIRE(same_bits(found.hh, cut.hh));
        });
      }
}
